import type { DescFile } from "@bufbuild/protobuf";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { describe, expect, test } from "vitest";
import { buf } from "./buf.ts";

// The contract uses these two. Newer versions of protovalidate have retired them, but never give them another meaning.
const retired = { MessageRules: ["1", "disabled"], Ignore: ["2", "IGNORE_IF_DEFAULT_VALUE"] };

describe("buf/validate/validate.proto", () => {
  const image = fromBinary(FileDescriptorSetSchema, buf("build", "--output", "-"));
  const ours = createFileRegistry(image).getFile("buf/validate/validate.proto");
  if (ours === undefined) throw new Error("buf/validate/validate.proto is not part of the build");
  const theirs = new Set(linesOf(file_buf_validate_validate));

  test.each(linesOf(ours))("%s: as protovalidate embeds it", (line) => {
    expect(theirs).toContain(line);
  });

  test("numbers and names that we keep and protovalidate retired stay reserved there", () => {
    const { messageType, enumType } = file_buf_validate_validate.proto;
    const rules = messageType.find((message) => message.name === "MessageRules");
    const ignore = enumType.find((type) => type.name === "Ignore");
    expect(rules?.reservedRange).toMatchObject([{ start: 1, end: 2 }]);
    expect(rules?.reservedName).toContain("disabled");
    expect(ignore?.reservedRange).toMatchObject([{ start: 2, end: 2 }]);
    expect(ignore?.reservedName).toContain("IGNORE_IF_DEFAULT_VALUE");
  });
});

/** One line for each field, enum value and extension: its name, number, type, cardinality and oneof. */
function linesOf(file: DescFile): string[] {
  const lines: string[] = [];
  for (const type of nestedTypes(file)) {
    if (type.kind === "message") {
      for (const field of type.fields) {
        const { number, name, type: kind, label, typeName } = field.proto;
        if (isRetired(type.name, number, name)) continue;
        lines.push([type.name, name, number, kind, label, typeName, field.oneof?.name ?? ""].join(" "));
      }
    }
    if (type.kind === "enum") {
      for (const { number, name } of type.values) {
        if (!isRetired(type.name, number, name)) lines.push(`${type.name} ${name} ${number}`);
      }
    }
    if (type.kind === "extension") {
      lines.push(`${type.typeName} ${type.number} ${type.extendee.typeName} ${type.proto.typeName}`);
    }
  }
  return lines;
}

function isRetired(type: string, number: number, name: string): boolean {
  return Object.entries(retired).some(([t, [n, v]]) => t === type && n === `${number}` && v === name);
}
