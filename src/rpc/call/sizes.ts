import { type DescField, type DescMessage, getOption, type Message, ScalarType } from "@bufbuild/protobuf";
import { buildPath, type PathBuilder } from "@bufbuild/protobuf/reflect";
import { Violation } from "@bufbuild/protovalidate";
import { field as fieldRules } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { sizeBounds } from "./size-bounds.ts";
import { Violations } from "./violations.ts";

/** Rule ids of what is found here: where the contract has the rule too, both have the same words. */
const itemsRule = "repeated.max_items";
const bytesRule = { string: "string.max_bytes", bytes: "bytes.max_len" } as const;

/** Most entries of a map, which no request of the contract has today. */
const maxPairs = 100;

/** Builds the path to a field only when there is something to say about it. */
type Where = () => PathBuilder;
type Check = (value: unknown, where: Where, found: Violations) => void;

/** Most items of a list or entries of a map, by the contract or else by the server's own table. */
export function mostItems(field: DescField): number {
  if (field.fieldKind === "map") return maxPairs;
  const { type } = getOption(field, fieldRules);
  const ruled = type.case === "repeated" && type.value.maxItems > 0n ? Number(type.value.maxItems) : Infinity;
  return Math.min(ruled, sizeBounds[nameOf(field)]?.maxItems ?? Infinity);
}

/** `package.Message.field`, as the table has it. */
export function nameOf(field: DescField): string {
  return `${field.parent.typeName}.${field.name}`;
}

/** A list with more items than its field may have. */
export function tooManyItems(where: PathBuilder, most: number): Violation {
  return new Violation(`must contain no more than ${most} item(s)`, itemsRule, where.toPath(), [], false);
}

/**
 * Finds the lists of a message that have too many items, and the texts that are longer than the server's own table
 * allows. Judged before every other rule: what those cost grows with the items.
 */
export function oversized(desc: DescMessage, message: Message): Violations {
  const found = new Violations();
  checkOf(desc)?.(message, () => buildPath(desc), found);
  return found;
}

const planned = new WeakMap<DescMessage, Check | undefined>();

/** Planned once for each type. Undefined when nothing in it has a size to check. */
function checkOf(desc: DescMessage): Check | undefined {
  if (planned.has(desc)) return planned.get(desc);
  if (!reachesSize(desc, new Set())) {
    planned.set(desc, undefined);
    return undefined;
  }
  const checks: ((message: object, where: Where, found: Violations) => void)[] = [];
  // Known before its fields are planned: a message may contain itself.
  planned.set(desc, (message, where, found) => {
    if (typeof message !== "object" || message === null) return;
    for (const check of checks) check(message, where, found);
  });
  for (const field of desc.fields) {
    const check = fieldCheck(field);
    if (check === undefined) continue;
    const read = reader(field);
    checks.push((message, where, found) => {
      const value = read(message);
      if (value !== undefined) check(value, () => where().field(field), found);
    });
  }
  return planned.get(desc);
}

function reachesSize(desc: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(desc)) return false;
  seen.add(desc);
  return desc.fields.some(
    (field) =>
      field.fieldKind === "list" ||
      field.fieldKind === "map" ||
      sizeBounds[nameOf(field)] !== undefined ||
      (field.message !== undefined && reachesSize(field.message, seen)),
  );
}

function fieldCheck(field: DescField): Check | undefined {
  const one = textCheck(field) ?? (field.message && checkOf(field.message));
  if (field.fieldKind !== "list" && field.fieldKind !== "map") return one;
  const most = mostItems(field);
  if (field.fieldKind === "map") {
    return (map, where, found) => {
      if (Object.keys(map as object).length > most) found.add(() => tooManyItems(where(), most));
    };
  }
  return (list, where, found) => {
    const items = list as readonly unknown[];
    if (items.length > most) found.add(() => tooManyItems(where(), most));
    else if (one !== undefined) {
      for (const [index, item] of items.entries()) one(item, () => where().list(index), found);
    }
  };
}

function textCheck(field: DescField): Check | undefined {
  const most = sizeBounds[nameOf(field)]?.maxBytes;
  if (most === undefined) return undefined;
  const isText = field.scalar === ScalarType.STRING;
  const rule = isText ? bytesRule.string : bytesRule.bytes;
  return (value, where, found) => {
    const size = typeof value === "string" ? Buffer.byteLength(value) : (value as Uint8Array).length;
    if (size <= most) return;
    found.add(() => new Violation(`must be at most ${most} bytes`, rule, where().toPath(), [], false));
  };
}

/** How a decoded message keeps a field; undefined for one of a oneof that is not the one that is set. */
function reader({ localName, oneof }: DescField): (message: object) => unknown {
  if (oneof === undefined) return (message) => Reflect.get(message, localName);
  return (message) => {
    const set = Reflect.get(message, oneof.localName) as { readonly case?: string; readonly value?: unknown };
    return set.case === localName ? set.value : undefined;
  };
}
