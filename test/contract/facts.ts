import type {
  DescEnum,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  JsonValue,
  Message,
} from "@bufbuild/protobuf";
import { clone, createRegistry, getOption, toJson } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FieldDescriptorProto_Type, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import {
  FieldRulesSchema,
  field as fieldRules,
  file_buf_validate_validate,
  message as messageRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** What clients depend on, as short lines: by file, then by full name, then by the name of the member. */
export type Facts = Record<string, Record<string, Record<string, string>>>;

// No member can have these names.
const RESERVED = "(reserved)";
const RULES = "(rules)";

const registry = createRegistry(file_buf_validate_validate);

/** The facts of these files. CEL rules are left out: they are ours to add, and rules.test.ts tries them. */
export function factsOf(files: Iterable<DescFile>): Facts {
  const facts: Facts = {};
  for (const file of files) {
    const types: Record<string, Record<string, string>> = {};
    for (const type of nestedTypes(file)) {
      if (type.kind === "message") types[type.typeName] = messageFacts(type);
      if (type.kind === "enum") types[type.typeName] = enumFacts(type);
      if (type.kind === "service") {
        types[type.typeName] = Object.fromEntries(type.methods.map((m) => [m.name, methodFact(m)]));
      }
    }
    facts[`${file.name}.proto`] = types;
  }
  return facts;
}

function methodFact(method: DescMethod): string {
  const level = MethodOptions_IdempotencyLevel[method.idempotency];
  return `${method.methodKind} ${method.input.typeName} ${method.output.typeName} ${level}`;
}

function enumFacts(type: DescEnum): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const value of type.values)
    facts[value.name] = `${value.number}${value.deprecated ? " deprecated" : ""}`;
  const { reservedName, reservedRange } = type.proto;
  const reserved = [...reservedRange.map((r) => `${r.start}-${r.end}`), ...reservedName].join(" ");
  if (reserved !== "") facts[RESERVED] = reserved;
  return facts;
}

function messageFacts(type: DescMessage): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const field of type.fields) facts[field.name] = fieldFact(field);
  const reserved = type.proto.reservedRange.map((r) => `${r.start}-${r.end - 1}`).join(" ");
  if (reserved !== "") facts[RESERVED] = reserved;
  const rules = unknownFacts(getOption(type, messageRules)).join(" ");
  if (rules !== "") facts[RULES] = rules;
  return facts;
}

function fieldFact(field: DescField): string {
  const words = [`${field.number}`];
  if (field.proto.proto3Optional) words.push("optional");
  if (field.fieldKind === "list") words.push("repeated");
  words.push(typeName(field));
  if (field.oneof !== undefined) words.push(`oneof:${field.oneof.name}`);
  words.push(`json:${field.jsonName}`);
  if (field.deprecated) words.push("deprecated");
  return [...words, ...ruleFacts(field)].join(" ");
}

function typeName(field: DescField): string {
  return (field.message ?? field.enum)?.typeName ?? FieldDescriptorProto_Type[field.proto.type].toLowerCase();
}

function ruleFacts(field: DescField): string[] {
  const rules = clone(FieldRulesSchema, getOption(field, fieldRules));
  rules.cel = [];
  const known = flatten(toJson(FieldRulesSchema, rules, { registry, useProtoFieldName: true }), "");
  return [...known, ...unknownFacts(rules)];
}

/** The contract uses two numbers that newer validators have retired: ignore 2 of a field, disabled of a message. */
function unknownFacts(rules: Message): string[] {
  return (rules.$unknown ?? []).map(({ no, data }) => `retired.${no}=${data.join()}`);
}

/** `{string: {uuid: true}}` becomes `string.uuid=true`. */
function flatten(value: JsonValue, path: string): string[] {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    return [`${path}=${JSON.stringify(value)}`];
  return Object.entries(value).flatMap(([key, v]) => flatten(v, path === "" ? key : `${path}.${key}`));
}
