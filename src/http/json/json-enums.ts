import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { buildPath, type PathBuilder } from "@bufbuild/protobuf/reflect";
import { Violation } from "@bufbuild/protovalidate";

/** Rule id of the violations found here. */
const knownNameRule = "enum.known_name";

/**
 * Finds the unknown enum names in the JSON of one message. Everything else that may be wrong with the JSON is
 * left to the parser; unknown fields and unknown enum numbers are fine.
 */
export type EnumCheck = (json: JsonValue) => Violation[];

/** Builds the path to a value only when there is something to say about it. */
type Where = () => PathBuilder;
type Walk = (json: JsonValue, where: Where, found: Violation[], depth: number) => void;

/** More are not reported: they travel in headers under gRPC. */
const maxViolations = 16;
/** The parser's own limit of nesting: it refuses what is deeper. */
const maxDepth = 100;
const maxNamesListed = 24;

/** Plans the check of a message type once. Undefined when no enum can occur in it. */
export function enumCheck(message: DescMessage): EnumCheck | undefined {
  const walk = messageWalk(message);
  if (walk === undefined) return undefined;
  return (json) => {
    const found: Violation[] = [];
    walk(json, () => buildPath(message), found, 0);
    return found;
  };
}

const planned = new WeakMap<DescMessage, Walk>();

function messageWalk(message: DescMessage): Walk | undefined {
  if (!reachesEnum(message, new Set())) return undefined;
  const existing = planned.get(message);
  if (existing !== undefined) return existing;
  const fields = new Map<string, { field: DescField; walk: Walk }>();
  const walk: Walk = (json, where, found, depth) => {
    if (typeof json !== "object" || json === null || Array.isArray(json) || depth >= maxDepth) return;
    for (const [key, value] of Object.entries(json)) {
      const entry = fields.get(key);
      if (entry === undefined || value === null) continue;
      entry.walk(value, () => where().field(entry.field), found, depth + 1);
    }
  };
  // Known before its fields are planned: a message may contain itself.
  planned.set(message, walk);
  for (const field of message.fields) {
    const fieldWalk = planField(field);
    if (fieldWalk === undefined) continue;
    fields.set(field.name, { field, walk: fieldWalk });
    fields.set(field.jsonName, { field, walk: fieldWalk });
  }
  return walk;
}

function planField(field: DescField): Walk | undefined {
  if (field.enum !== undefined && field.enum.typeName === "google.protobuf.NullValue") return undefined;
  const single = field.enum ? enumWalk(field.enum) : field.message ? messageWalk(field.message) : undefined;
  if (single === undefined) return undefined;
  if (field.fieldKind === "list") {
    return (json, where, found, depth) => {
      if (!Array.isArray(json)) return;
      json.forEach((item, index) => {
        single(item, () => where().list(index), found, depth);
      });
    };
  }
  if (field.fieldKind === "map") {
    const { mapKey } = field;
    return (json, where, found, depth) => {
      if (typeof json !== "object" || json === null || Array.isArray(json)) return;
      for (const [key, value] of Object.entries(json)) {
        single(value, () => where().map(mapKeyOf(mapKey, key)), found, depth);
      }
    };
  }
  return single;
}

/** JSON keys are texts; a path wants the key's own type. */
function mapKeyOf(type: ScalarType, key: string): string | number | boolean {
  if (type === ScalarType.STRING) return key;
  if (type === ScalarType.BOOL) return key === "true";
  return Number(key);
}

function enumWalk(desc: DescEnum): Walk {
  const names = new Set(desc.values.flatMap((value) => [value.name, value.jsonName]));
  const listed = desc.values.filter((value) => value.number !== 0).map((value) => value.name);
  const expected =
    listed.length > maxNamesListed ? `${listed.slice(0, maxNamesListed).join(", ")}, …` : listed.join(", ");
  return (json, where, found) => {
    if (typeof json !== "string" || names.has(json) || found.length >= maxViolations) return;
    const message = `unknown value ${JSON.stringify(json.slice(0, 100))}; expected one of ${expected}`;
    found.push(new Violation(message, knownNameRule, where().toPath(), [], false));
  };
}

/** Types with a JSON form of their own (`google.protobuf.…`) hold no enum fields by name. */
function reachesEnum(message: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(message) || message.typeName.startsWith("google.protobuf.")) return false;
  seen.add(message);
  return message.fields.some(
    (field) => field.enum !== undefined || (field.message !== undefined && reachesEnum(field.message, seen)),
  );
}
