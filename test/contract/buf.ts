import { execFileSync } from "node:child_process";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bin = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));

/** What this buf command writes to standard output. Runs in the repository. Throws when buf reports a failure. */
export function buf(...args: string[]): Uint8Array {
  return execFileSync("buf", args, {
    cwd: root,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` },
    maxBuffer: 16 << 20,
  });
}
