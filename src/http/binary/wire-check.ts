import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { buildPath, type PathBuilder } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError } from "@connectrpc/connect";
import { mostItems, tooManyItems } from "../../rpc/call/sizes.ts";
import { rulesBroken, Violations } from "../../rpc/call/violations.ts";

/** Below this many bytes no message can cost more than a moment, and none is looked at. */
const uncheckedBytes = 4096;
/** Most fields and items of one message, everything in it included. Twice what the largest message that is allowed has. */
export const mostRecords = 100_000;
/** Most of them that the contract does not know. Those of a newer client are a few. */
const mostUnknown = 2_000;
/** The decoder's own limit of nesting: it refuses what is deeper. */
const mostLevels = 100;

const wire = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

interface FieldPlan {
  readonly field: DescField;
  /** How its value, or one of its items, is written. */
  readonly wireType: number;
  /** Items that are numbers may come as one run of bytes. */
  readonly packed: boolean;
  /** Index among the lists of its message, and most items; null for what is no list. */
  readonly list: { readonly index: number; readonly most: number } | null;
  /** What it holds, where that is a message. */
  readonly child: (() => MessagePlan) | null;
}

interface MessagePlan {
  readonly fields: ReadonlyMap<number, FieldPlan>;
  readonly lists: number;
}

/** Counts what bytes hold before they are decoded. @throws ConnectError for more than a request may have */
export type WireCheck = (bytes: Uint8Array) => void;

/**
 * Two bytes can become an object of hundreds, and take a hundred times as long to decode as to send. So the bytes of a
 * message are walked along its schema first, which makes nothing: lists with more items than they may have, and more
 * fields than any request needs, are refused by then. What is malformed is left to the decoder, which stops at the same
 * place. Planned once for each type of request.
 */
export function wireCheck(desc: DescMessage): WireCheck {
  const plan = planOf(desc);
  return (bytes) => {
    if (bytes.length > uncheckedBytes) new Walk(bytes).message(plan, bytes.length, 1, () => buildPath(desc));
  };
}

const planned = new WeakMap<DescMessage, MessagePlan>();

function planOf(desc: DescMessage): MessagePlan {
  const existing = planned.get(desc);
  if (existing !== undefined) return existing;
  const fields = new Map<number, FieldPlan>();
  let lists = 0;
  for (const field of desc.fields) {
    const isMap = field.fieldKind === "map";
    const isList = field.fieldKind === "list";
    const wireType = isMap ? wire.bytes : wireTypeOf(field);
    fields.set(field.number, {
      field,
      wireType,
      packed: isList && wireType !== wire.bytes,
      list: isMap || isList ? { index: lists++, most: mostItems(field) } : null,
      child: isMap ? () => entryPlan(field) : childOf(field),
    });
  }
  const plan = { fields, lists };
  planned.set(desc, plan);
  return plan;
}

/** Planned when it occurs: a message may contain itself. */
function childOf({ message }: DescField): FieldPlan["child"] {
  return message === undefined ? null : () => planOf(message);
}

/** An entry of a map is a message of a key and a value. */
function entryPlan(field: DescField & { readonly fieldKind: "map" }): MessagePlan {
  const entry = { field, packed: false, list: null };
  const key = { ...entry, wireType: scalarWireType(field.mapKey), child: null };
  const value = { ...entry, wireType: wireTypeOf(field), child: childOf(field) };
  return {
    fields: new Map([
      [1, key],
      [2, value],
    ]),
    lists: 0,
  };
}

function wireTypeOf({ message, scalar }: DescField): number {
  return message === undefined ? scalarWireType(scalar) : wire.bytes;
}

/** Of an enum when it is undefined. */
function scalarWireType(scalar: ScalarType | undefined): number {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return wire.bytes;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return wire.fixed64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return wire.fixed32;
    default:
      return wire.varint;
  }
}

class Walk {
  readonly #bytes: Uint8Array;
  #at = 0;
  #records = 0;
  #unknown = 0;
  /** Set where the bytes are no message: nothing behind it is decoded either. */
  #malformed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(plan: MessagePlan, end: number, level: number, where: () => PathBuilder): void {
    if (level > mostLevels || end > this.#bytes.length) this.#malformed = true;
    const items = plan.lists === 0 ? [] : new Array<number>(plan.lists).fill(0);
    while (this.#at < end && !this.#malformed) {
      const tag = this.#varint();
      const wireType = tag & 7;
      const field = plan.fields.get(tag >>> 3);
      this.#count(field === undefined);
      if (field === undefined) this.#skip(wireType);
      else this.#value(field, wireType, items, level, where);
    }
  }

  #value(plan: FieldPlan, wireType: number, items: number[], level: number, where: () => PathBuilder): void {
    const { field, list, child } = plan;
    const isRun = plan.packed && wireType === wire.bytes;
    // The decoder reads it as the field's own type, whatever the tag says: then this would count something else.
    if (wireType !== plan.wireType && !isRun) throw otherType(where().field(field));
    const added = isRun ? this.#run(plan.wireType, list?.most ?? 0) : 1;
    if (list !== null) {
      const had = items[list.index] ?? 0;
      if (had + added > list.most) {
        throw rulesBroken(Violations.of([tooManyItems(where().field(field), list.most)]));
      }
      items[list.index] = had + added;
      if (isRun) return;
      if (child !== null) this.#child(child(), level, () => where().field(field).list(had));
      else this.#skip(wireType);
    } else if (child !== null) this.#child(child(), level, () => where().field(field));
    else this.#skip(wireType);
  }

  #child(plan: MessagePlan, level: number, where: () => PathBuilder): void {
    const length = this.#varint();
    this.message(plan, this.#at + length, level + 1, where);
  }

  /** Passes over a run of numbers. @returns how many there are; not all of them when they are too many */
  #run(wireType: number, most: number): number {
    const length = this.#varint();
    const end = this.#at + length;
    if (wireType !== wire.varint) {
      const width = wireType === wire.fixed32 ? 4 : 8;
      const items = Math.ceil(length / width);
      this.#forward(items * width);
      return items;
    }
    let count = 0;
    while (this.#at < end && count <= most && !this.#malformed) {
      this.#varint();
      count += 1;
    }
    return count;
  }

  #skip(wireType: number): void {
    if (wireType === wire.fixed64) this.#forward(8);
    else if (wireType === wire.bytes) this.#forward(this.#varint());
    else if (wireType === wire.startGroup) this.#group();
    else if (wireType === wire.fixed32) this.#forward(4);
    else if (wireType !== wire.varint) this.#malformed = true;
    // The decoder passes over as many bytes of one that it does not know as say that more follow.
    else while (((this.#bytes[this.#at++] ?? 0) & 0x80) !== 0);
  }

  /** Groups are in no message of ours: the decoder passes over their fields, whatever the numbers. */
  #group(): void {
    for (let open = 1; open > 0 && !this.#malformed; ) {
      const wireType = this.#varint() & 7;
      this.#count(true);
      if (wireType === wire.startGroup) open += 1;
      else if (wireType === wire.endGroup) open -= 1;
      else this.#skip(wireType);
    }
  }

  #forward(length: number): void {
    this.#at += length;
    if (this.#at > this.#bytes.length) this.#malformed = true;
  }

  /** The lower 32 bits of a number of at most ten bytes. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    this.#malformed = true;
    return 0;
  }

  #count(isUnknown: boolean): void {
    this.#records += 1;
    if (isUnknown) this.#unknown += 1;
    if (this.#unknown > mostUnknown) throw tooMuch(`${mostUnknown} fields that are not in its contract`);
    if (this.#records > mostRecords) throw tooMuch(`${mostRecords} fields and items`);
  }
}

function tooMuch(what: string): ConnectError {
  return new ConnectError(`the message has more than ${what}`, Code.InvalidArgument);
}

function otherType(path: PathBuilder): ConnectError {
  const names = path.toPath().flatMap((part) => (part.kind === "field" ? [part.name] : []));
  return new ConnectError(`${names.join(".")}: is encoded as another type`, Code.InvalidArgument);
}
