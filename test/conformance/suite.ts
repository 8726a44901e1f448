import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { readTotals, type Totals } from "./totals.ts";

/** The runner's Go module, and with it the schema of its service and every case. */
const suiteModule = "connectrpc.com/conformance";
export const version = "v1.0.7";

export interface Suite {
  readonly runner: string;
  /** Descriptors of the suite's protos, made by buf. */
  readonly schema: string;
}

/** Installs the runner with the ordinary Go client and builds its schema, both in `folder`. Needs `go` and `buf`. */
export function installSuite(folder: string): Suite {
  const home = join(folder, version);
  mkdirSync(home, { recursive: true });
  go(["install", `${suiteModule}/cmd/connectconformance@${version}`], { GOBIN: home });
  const { Dir } = JSON.parse(go(["mod", "download", "-json", `${suiteModule}@${version}`])) as {
    Dir: string;
  };
  const schema = join(home, "schema.binpb");
  execFileSync("buf", ["build", Dir, "--output", schema], { stdio: "inherit" });
  return { runner: join(home, "connectconformance"), schema };
}

/** @returns what it printed */
function go(args: readonly string[], env: Record<string, string> = {}): string {
  // Outside of any module: what this repository holds is no concern of it.
  const options = { cwd: "/", encoding: "utf8", env: { ...process.env, ...env } } as const;
  return execFileSync("go", args, { ...options, stdio: ["ignore", "pipe", "inherit"] });
}

/**
 * Lets the runner start as many servers as it needs, and try every case on them.
 * @param flags more for the runner, such as `--run <pattern>` and `--trace`
 */
export async function runSuite(
  suite: Suite,
  flags: readonly string[],
  say: (text: string) => void,
): Promise<Totals> {
  const file = (name: string) => join(import.meta.dirname, name);
  const server = [process.execPath, file("server.ts"), "--schema", suite.schema];
  const runner = spawn(
    suite.runner,
    ["--mode", "server", "--conf", file("config.yaml"), ...flags, "--", ...server],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let report = "";
  runner.stdout.on("data", (chunk: Buffer) => {
    report += chunk;
    say(chunk.toString());
  });
  runner.stderr.on("data", (chunk: Buffer) => say(chunk.toString()));
  const [exitCode] = (await once(runner, "close")) as [number | null];
  return readTotals(report, exitCode);
}
