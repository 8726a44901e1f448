import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import type { DescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { buf } from "./buf.ts";

test("gen is what buf generates from proto", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "rollcall-gen-"));
  try {
    buf("generate", "--output", fresh);
    expect(contents(fileURLToPath(new URL("../../gen", import.meta.url)))).toEqual(
      contents(join(fresh, "gen")),
    );
  } finally {
    await rm(fresh, { recursive: true });
  }
});

test("every service, method, message and enum says what it is for", () => {
  const image = fromBinary(FileDescriptorSetSchema, buf("build", "--output", "-"));
  const ours = image.file.filter((file) => !file.name.startsWith("google/protobuf/"));
  expect(ours.length).toBeGreaterThan(15);
  const silent: string[] = [];
  for (const file of ours) {
    const told = new Set<string>();
    for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
      if (leadingComments.trim() !== "") told.add(path.join("."));
    }
    const expectTold = (path: string, name: string) => {
      if (!told.has(path)) silent.push(`${file.name} ${name}`);
    };
    // The numbers are those of the fields in descriptor.proto: 6 services, 2 their methods, 4 messages, 5 enums.
    file.service.forEach((service, s) => {
      expectTold(`6.${s}`, service.name);
      service.method.forEach((method, m) => {
        expectTold(`6.${s}.2.${m}`, `${service.name}.${method.name}`);
      });
    });
    const visit = (message: DescriptorProto, path: string) => {
      // The compiler makes a message for each map, which nobody can comment.
      if (message.options?.mapEntry !== true) expectTold(path, message.name);
      message.nestedType.forEach((nested, n) => {
        visit(nested, `${path}.3.${n}`);
      });
    };
    file.messageType.forEach((message, m) => {
      visit(message, `4.${m}`);
    });
    file.enumType.forEach((type, e) => {
      expectTold(`5.${e}`, type.name);
    });
  }
  expect(silent).toEqual([]);
});

/** The text of every file below this folder, by relative path. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}
