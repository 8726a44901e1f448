import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";

const gen = join(import.meta.dirname, "../../gen");

/** Every service that the contract and our own schema declare, in the order of the files. */
export async function services(): Promise<DescService[]> {
  const found: DescService[] = [];
  for (const folder of ["gitpod/v1", "rollcall/v1"]) {
    for (const file of readdirSync(join(gen, folder)).filter((name) => name.endsWith("_pb.js"))) {
      const exported: Record<string, unknown> = await import(join(gen, folder, file));
      found.push(...Object.values(exported).filter(isService));
    }
  }
  return found;
}

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}
