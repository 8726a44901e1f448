import { type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import {
  type FieldRules,
  field as fieldRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { sizeBounds } from "../../src/rpc/call/size-bounds.ts";
import { nameOf } from "../../src/rpc/call/sizes.ts";
import { readMatrix } from "../access/matrix.ts";
import { services } from "../access/services.ts";

// The matrix has every served method of ours, and its own test finds out whether it does.
const listed = readMatrix();
const served = [
  ...(await services())
    .flatMap(({ methods }) => methods)
    .filter((method) => listed.has(`${method.parent.typeName}/${method.name}`)),
  ...[Health, ServerReflection, ServerReflectionAlpha].flatMap(({ methods }) => [...methods]),
];
const fields = [...new Set(served.flatMap(({ input }) => [...fieldsOf(input)]))];

/** All fields that a request can hold, at any depth. */
function fieldsOf(message: DescMessage, seen: Set<DescMessage> = new Set()): Set<DescField> {
  if (seen.has(message)) return new Set();
  seen.add(message);
  const within = message.fields.flatMap((field) => (field.message ? [...fieldsOf(field.message, seen)] : []));
  return new Set([...message.fields, ...within]);
}

/** What the contract leaves open of a field: `items`, `bytes`, both or nothing. */
function leftOpen(field: DescField): string[] {
  const rules = getOption(field, fieldRules);
  const { type } = rules;
  const many = field.fieldKind === "list";
  const isText = field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
  const items = many && !(type.case === "repeated" && type.value.maxItems > 0n);
  const one = type.case === "repeated" ? type.value.items?.type : many ? undefined : type;
  return [...(items ? ["items"] : []), ...(isText && !isBounded(one) ? ["bytes"] : [])];
}

function isBounded(rules: FieldRules["type"] | undefined): boolean {
  if (rules?.case === "bytes") return rules.value.maxLen > 0n || rules.value.len > 0n;
  if (rules?.case !== "string") return false;
  const { maxLen, maxBytes, len, lenBytes, wellKnown } = rules.value;
  return maxLen > 0n || maxBytes > 0n || len > 0n || lenBytes > 0n || wellKnown.case === "uuid";
}

test("every text, bytes and list of every served method has a bound, by the contract or by the table", () => {
  expect(fields.length).toBeGreaterThan(100);
  const open = fields.flatMap((field) => {
    const bound = sizeBounds[nameOf(field)];
    return leftOpen(field)
      .filter((what) => (what === "items" ? bound?.maxItems : bound?.maxBytes) === undefined)
      .map((what) => `${nameOf(field)}: ${what}`);
  });
  expect(open).toEqual([]);
});

test("the table says nothing that the contract says, and nothing of fields that there are not", () => {
  const known = new Map(fields.map((field) => [nameOf(field), leftOpen(field)]));
  const idle = Object.entries(sizeBounds).flatMap(([name, { maxBytes, maxItems }]) => {
    const open = known.get(name) ?? [];
    const said = [...(maxItems === undefined ? [] : ["items"]), ...(maxBytes === undefined ? [] : ["bytes"])];
    return said.filter((what) => !open.includes(what)).map((what) => `${name}: ${what}`);
  });
  expect(idle).toEqual([]);
});

test("no request holds a map, whose entries no rule of the contract would bound", () => {
  expect(fields.filter(({ fieldKind }) => fieldKind === "map").map(nameOf)).toEqual([]);
});
