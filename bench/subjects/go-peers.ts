import { type ChildProcess, type ExecFileSyncOptions, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { processUse } from "../fleet/proc.ts";
import type { Use } from "./probe.ts";
import type { Ports, Recorded } from "./recorded.ts";

const sources = join(import.meta.dirname, "go-peers");
const proto = join(import.meta.dirname, "../../proto");
const generators = [
  "google.golang.org/protobuf/cmd/protoc-gen-go",
  "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
  "connectrpc.com/connect/cmd/protoc-gen-connect-go",
];

/** Which of the two libraries serves. */
export type GoPeerKind = "grpc" | "connect";

/**
 * Generates and builds the Go servers in a scratch folder. Go's own cache makes that quick after the first time.
 * @param folder where to, made if it is not there
 * @returns the program; null where there is no Go
 * @throws Error when it does not build
 */
export function buildGoPeers(folder: string): string | null {
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
  } catch {
    return null;
  }
  mkdirSync(folder, { recursive: true });
  cpSync(sources, folder, { recursive: true });
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  const options: ExecFileSyncOptions = { cwd: folder, stdio: ["ignore", "ignore", "inherit"] };
  execFileSync("go", ["build", "-mod=readonly", "-o", `${bin}/`, ...generators], options);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const paths = ["gitpod", "rollcall"].flatMap((name) => ["--path", join(proto, name)]);
  execFileSync("buf", ["generate", proto, ...paths], { ...options, env });
  const program = join(bin, "peers");
  execFileSync("go", ["build", "-mod=readonly", "-o", program, "."], options);
  return program;
}

/** What the peers are built with, by name, in the versions of their go.mod. */
export function goPeerVersions(): Readonly<Record<string, string>> {
  const text = readFileSync(join(sources, "go.mod"), "utf8");
  const version = (module: string) => new RegExp(`^\\s${module} (v\\S+)$`, "m").exec(text)?.[1] ?? "?";
  return {
    "grpc-go": version("google[.]golang[.]org/grpc"),
    "connect-go": version("connectrpc[.]com/connect"),
    "go-sqlite3": version("github[.]com/mattn/go-sqlite3"),
  };
}

/** A running Go server. */
export class GoPeer {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly ports: Ports;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.ports = { h2: port, h1: port };
  }

  /** @param answers what it is to repeat */
  static async start(program: string, kind: GoPeerKind, answers: Recorded): Promise<GoPeer> {
    const folder = mkdtempSync(join(tmpdir(), "bench-go-"));
    const child = spawn(program, [kind, folder], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin?.end(JSON.stringify(answers));
    for await (const line of createInterface(child.stdout ?? process.stdin)) {
      const port = Number(/^port (\d+)$/.exec(line)?.[1]);
      if (port > 0) return new GoPeer(child, folder, port);
    }
    rmSync(folder, { recursive: true });
    throw new Error(`the peer of ${kind}-go ended before it listened`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** From /proc, which counts in hundredths of a second. What a Go program allocates is not known. */
  use(): Promise<Use> {
    return Promise.resolve({ cpuUs: (processUse(this.pid)?.cpuMs ?? 0) * 1000, allocatedBytes: null });
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, "exit");
    if (this.#child.exitCode === null && this.#child.kill("SIGTERM")) await gone;
    rmSync(this.#folder, { recursive: true });
  }
}
