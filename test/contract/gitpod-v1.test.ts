import { readFileSync } from "node:fs";
import type { DescFile } from "@bufbuild/protobuf";
import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import type { Facts } from "./facts.ts";
import { factsOf } from "./facts.ts";
import { contractFiles } from "./files.ts";

// Written down once from the published descriptor. It changes only when the published contract does.
const published: Facts = JSON.parse(readFileSync(new URL("gitpod-v1.facts.json", import.meta.url), "utf8"));

describe("gitpod.v1 is the published contract", () => {
  test("no file is missing", () => {
    expect(contractFiles.map((file) => `${file.name}.proto`)).toEqual(Object.keys(published));
  });

  test.each(contractFiles.map((file) => [`${file.name}.proto`, file] as const))("%s", (name, file) => {
    expect(factsOf([file])[name]).toEqual(published[name]);
  });
});

test("the files that reflection sends still carry every rule", () => {
  const sent = withImports(contractFiles).map((file) => toBinary(FileDescriptorProtoSchema, file.proto));
  const received = create(FileDescriptorSetSchema, {
    file: sent.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes)),
  });
  const files = [...createFileRegistry(received).files].filter((file) => file.proto.package === "gitpod.v1");
  expect(factsOf(files)).toEqual(published);
});

/** Imports come before the files that import them. */
function withImports(files: readonly DescFile[], seen = new Set<DescFile>()): DescFile[] {
  for (const file of files) {
    withImports(file.dependencies, seen);
    seen.add(file);
  }
  return [...seen];
}
