import { type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";

/** Says what a value of JSON must be instead; null for one that is fine. */
export type ValueCheck = (json: JsonValue) => string | null;

/** Longest text that can be a number or a time. What is longer is not even looked at. */
const longestValue = 128;
const specialFloats: ReadonlySet<JsonValue> = new Set(["NaN", "Infinity", "-Infinity"]);
const greatestFloat = 3.4028234663852886e38;
/** Seconds of 10,000 years: the greatest duration that protobuf knows. */
const greatestDuration = 315_576_000_000;

const text: ValueCheck = (json) =>
  typeof json !== "string" ? "must be a text" : json.isWellFormed() ? null : "must be valid Unicode";
const bool: ValueCheck = (json) => (typeof json === "boolean" ? null : "must be true or false");
const base64: ValueCheck = (json) =>
  typeof json === "string" && /^[A-Za-z0-9+/_-]*={0,2}$/.test(json) && json.length % 4 !== 1
    ? null
    : "must be bytes as a text of base64";

const time: ValueCheck = (json) => {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
  const fits = isShort(json) && form.test(json) && inYears(Date.parse(json));
  return fits ? null : 'must be a time such as "2026-01-31T12:00:00.5Z", with at most 9 digits of a second';
};

const duration: ValueCheck = (json) => {
  const seconds = isShort(json) ? /^(-?\d{1,12})(?:\.\d{1,9})?s$/.exec(json)?.[1] : undefined;
  return seconds !== undefined && Math.abs(Number(seconds)) <= greatestDuration
    ? null
    : `must be a duration such as "1.5s", of at most ${greatestDuration} seconds with at most 9 digits after the point`;
};

const fieldMask: ValueCheck = (json) =>
  typeof json === "string" && !json.includes("_")
    ? null
    : 'must be a text of fields such as "name,createdAt"';

/** Types that have a JSON form of their own and are no objects there. */
const wellKnown: ReadonlyMap<string, ValueCheck> = new Map([
  ["google.protobuf.Timestamp", time],
  ["google.protobuf.Duration", duration],
  ["google.protobuf.FieldMask", fieldMask],
]);
/** Any JSON, or any object: the decoder knows more about them. */
const anyJson: ReadonlySet<string> = new Set([
  "google.protobuf.Any",
  "google.protobuf.Struct",
  "google.protobuf.Value",
  "google.protobuf.ListValue",
]);

/** The check of a type that has a JSON form of its own; undefined for those that are objects with their fields. */
export function wellKnownCheck(desc: DescMessage): ValueCheck | undefined {
  if (!desc.typeName.startsWith("google.protobuf.")) return undefined;
  if (anyJson.has(desc.typeName)) return () => null;
  const [value] = desc.fields;
  const isWrapper = desc.typeName.endsWith("Value") && value?.fieldKind === "scalar";
  return isWrapper ? scalarCheck(value.scalar) : wellKnown.get(desc.typeName);
}

/** The check of a scalar. */
export function scalarCheck(type: ScalarType): ValueCheck {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return base64;
    case ScalarType.BOOL:
      return bool;
    case ScalarType.FLOAT:
      return float(greatestFloat);
    case ScalarType.DOUBLE:
      return float(Number.MAX_VALUE);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return integer(-(2n ** 31n), 2n ** 31n - 1n);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return integer(0n, 2n ** 32n - 1n);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return integer(-(2n ** 63n), 2n ** 63n - 1n);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return integer(0n, 2n ** 64n - 1n);
    default:
      return type satisfies never;
  }
}

/** A number, or a text of one, since JSON's own numbers hold no 64 bits. */
function integer(least: bigint, most: bigint): ValueCheck {
  const isInRange = (value: bigint) => value >= least && value <= most;
  const fits = (json: JsonValue) => {
    if (isShort(json) && /^-?\d+$/.test(json)) return isInRange(BigInt(json));
    // Protobuf allows "1e3" and 1.0 as well.
    const value = typeof json === "number" ? json : isNumeric(json) ? Number(json) : Number.NaN;
    return Number.isInteger(value) && isInRange(BigInt(value));
  };
  return (json) => (fits(json) ? null : `must be a whole number from ${least} to ${most}`);
}

function float(most: number): ValueCheck {
  return (json) => {
    if (specialFloats.has(json)) return null;
    const value = typeof json === "number" ? json : isNumeric(json) ? Number(json) : Number.NaN;
    return Math.abs(value) <= most ? null : "must be a number in the range of its type";
  };
}

function isNumeric(json: JsonValue): json is string {
  return isShort(json) && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(json);
}

function isShort(json: JsonValue): json is string {
  return typeof json === "string" && json.length <= longestValue;
}

/** Protobuf knows the years 1 to 9999. */
function inYears(milliseconds: number): boolean {
  return milliseconds >= -62_135_596_800_000 && milliseconds <= 253_402_300_799_999;
}
