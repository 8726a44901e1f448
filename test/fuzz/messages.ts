import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";

/** Deepest message that is made. */
const depth = 5;
const texts = fc.oneof(
  fc.constantFrom("", "a", "0", "019bc186-de00-7001-bbc0-8ded6b4a8efc", "ROLE", "\u0000", "é".repeat(300)),
  fc.string({ maxLength: 40, unit: "binary" }),
  fc.uuid(),
);
const int32 = fc.oneof(fc.constantFrom(0, 1, -1, 100, 101, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const uint32 = fc.nat(2 ** 32 - 1);
const int64 = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const floats = fc.double();

function scalar(type: ScalarType): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return texts;
    case ScalarType.BYTES:
      return fc.uint8Array({ maxLength: 64 });
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return floats;
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return int64;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return uint64;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return uint32;
    default:
      return int32;
  }
}

function value(field: DescField, left: number): fc.Arbitrary<unknown> {
  if (field.message !== undefined)
    return left === 0 ? fc.constant(undefined) : reflected(field.message, left - 1);
  if (field.enum !== undefined) {
    return fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...field.enum.values.map(({ number }) => number)) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 999 }) },
    );
  }
  return scalar(field.scalar ?? ScalarType.STRING);
}

function reflected(desc: DescMessage, left: number): fc.Arbitrary<ReflectMessage> {
  const fields = desc.fields.filter(({ fieldKind }) => fieldKind !== "map");
  const some = fields.map((field) => {
    const one = value(field, left);
    const all = field.fieldKind === "list" ? fc.array(one, { maxLength: 3 }) : one;
    return fc.option(all, { nil: undefined });
  });
  return fc.tuple(...some).map((values) => {
    const message = reflect(desc, create(desc));
    fields.forEach((field, index) => {
      const set = values[index];
      if (set === undefined) return;
      if (field.fieldKind === "list") {
        for (const item of set as unknown[]) if (item !== undefined) message.get(field).add(item as never);
      } else {
        message.set(field, set as never);
      }
    });
    return message;
  });
}

/** Messages of a type: any fields set or not, with values that its fields can hold, be they allowed or not. */
export function messages(desc: DescMessage): fc.Arbitrary<Message> {
  return reflected(desc, depth).map(({ message }) => message);
}
