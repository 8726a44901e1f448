import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue, ScalarType } from "@bufbuild/protobuf";
import { ScalarType as Scalar } from "@bufbuild/protobuf";
import { buildPath, type PathBuilder } from "@bufbuild/protobuf/reflect";
import { Violation } from "@bufbuild/protovalidate";
import { mostItems, tooManyItems } from "../../rpc/call/sizes.ts";
import { Violations } from "../../rpc/call/violations.ts";
import { scalarCheck, type ValueCheck, wellKnownCheck } from "./json-values.ts";

/** Rule ids of the violations found here: an enum's unknown name, a value that its field cannot hold, a field set twice. */
const knownNameRule = "enum.known_name";
const typeRule = "json.type";
const onceRule = "json.once";

/** Builds the path to a value only when there is something to say about it. */
type Where = () => PathBuilder;
/** Returns what the field can hold of a value. What it gives for one that cannot be held means nothing. */
type Read = (json: JsonValue, where: Where, found: Violations) => JsonValue;

/** What is left of the JSON of one message without the keys that its type does not have, and what is wrong with it. */
export type JsonCheck = (json: JsonValue) => { readonly known: JsonValue; readonly found: Violations };

const maxNamesListed = 24;
/** An enum of one value, which JSON writes as null. */
const nullType = "google.protobuf.NullValue";
const anyValueType = "google.protobuf.Value";

/**
 * Plans the check of a message type once: every value has the type of its field, enum names are known, lists are no
 * longer than they may be. The parser behind this would say some of it in words of its own, without the field, and
 * would drop unknown enum names, so that a typo reads as "unset". Unknown keys and unknown enum numbers are fine.
 */
export function jsonCheck(message: DescMessage): JsonCheck {
  const read = messageRead(message);
  return (json) => {
    const found = new Violations();
    return { known: read(json, () => buildPath(message), found), found };
  };
}

const planned = new WeakMap<DescMessage, Read>();

function messageRead(message: DescMessage): Read {
  const existing = planned.get(message);
  if (existing !== undefined) return existing;
  const own = wellKnownCheck(message);
  const fields = new Map<string, { field: DescField; read: Read }>();
  const read: Read = own === undefined ? objectRead(fields) : checked(own);
  // Known before its fields are planned: a message may contain itself.
  planned.set(message, read);
  if (own !== undefined) return read;
  for (const field of message.fields) {
    const entry = { field, read: fieldRead(field) };
    fields.set(field.name, entry);
    fields.set(field.jsonName, entry);
  }
  return read;
}

function objectRead(fields: ReadonlyMap<string, { field: DescField; read: Read }>): Read {
  return (json, where, found) => {
    if (!isObject(json)) return wrong(json, where, found, "must be an object");
    const known: JsonObject = {};
    const seen = new Set<DescField>();
    for (const key of Object.keys(json)) {
      const entry = fields.get(key);
      const value = json[key];
      if (entry === undefined || value === undefined) continue;
      const { field, read } = entry;
      const at = () => where().field(field);
      if (seen.has(field)) found.add(() => violation("is set twice", onceRule, at));
      seen.add(field);
      known[key] = value === null && !holdsNull(field) ? null : read(value, at, found);
    }
    return known;
  };
}

function fieldRead(field: DescField): Read {
  const one = valueRead(field);
  if (field.fieldKind === "list") {
    const most = mostItems(field);
    return (json, where, found) => {
      if (!Array.isArray(json)) return wrong(json, where, found, "must be a list");
      if (json.length > most) {
        found.add(() => tooManyItems(where(), most));
        return [];
      }
      return json.map((item, index) => {
        const at = () => where().list(index);
        return item === null && !holdsNull(field)
          ? wrong(null, at, found, "must not be null")
          : one(item, at, found);
      });
    };
  }
  if (field.fieldKind === "map") {
    const { mapKey } = field;
    const most = mostItems(field);
    return (json, where, found) => {
      if (!isObject(json)) return wrong(json, where, found, "must be an object");
      const entries = Object.entries(json);
      if (entries.length > most) found.add(() => tooManyItems(where(), most));
      else
        for (const [key, value] of entries)
          if (value !== undefined) one(value, () => where().map(mapKeyOf(mapKey, key)), found);
      return json;
    };
  }
  return one;
}

/** Of a field's value, or of one item of a list or a map. */
function valueRead(field: DescField): Read {
  if (field.message !== undefined) return messageRead(field.message);
  if (field.enum !== undefined) return enumRead(field.enum);
  return checked(scalarCheck(field.scalar ?? Scalar.STRING));
}

function checked(check: ValueCheck): Read {
  return (json, where, found) => {
    const problem = check(json);
    return problem === null ? json : wrong(json, where, found, problem);
  };
}

function enumRead(desc: DescEnum): Read {
  if (desc.typeName === nullType) return (json) => json;
  const names = new Set(desc.values.flatMap((value) => [value.name, value.jsonName]));
  const listed = desc.values.filter((value) => value.number !== 0).map((value) => value.name);
  const expected =
    listed.length > maxNamesListed ? `${listed.slice(0, maxNamesListed).join(", ")}, …` : listed.join(", ");
  const isNumber = scalarCheck(Scalar.INT32);
  return (json, where, found) => {
    if (typeof json === "string") {
      if (names.has(json)) return json;
      const sent = JSON.stringify(json.slice(0, 100).toWellFormed());
      found.add(() => violation(`unknown value ${sent}; expected one of ${expected}`, knownNameRule, where));
      return json;
    }
    const fits = typeof json === "number" && isNumber(json) === null;
    return fits ? json : wrong(json, where, found, "must be the name of a value, or its number");
  };
}

function wrong(json: JsonValue, where: Where, found: Violations, what: string): JsonValue {
  found.add(() => violation(what, typeRule, where));
  return json;
}

function violation(message: string, rule: string, where: Where): Violation {
  return new Violation(message, rule, where().toPath(), [], false);
}

/** Null is a value of two types alone; everywhere else it is the same as nothing. */
function holdsNull(field: DescField): boolean {
  return field.enum?.typeName === nullType || field.message?.typeName === anyValueType;
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** JSON keys are texts; a path wants the key's own type. */
function mapKeyOf(type: ScalarType, key: string): string | number | boolean {
  if (type === Scalar.STRING) return key;
  if (type === Scalar.BOOL) return key === "true";
  return Number(key);
}
