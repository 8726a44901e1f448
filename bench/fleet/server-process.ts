import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Inspector } from "./inspector.ts";
import { type ProcessUse, processUse } from "./proc.ts";

const main = join(import.meta.dirname, "../../src/main.ts");

/** One machine plays a whole fleet here. */
const unlimited = ["--rate-limit-token", "0", "--rate-limit-address", "0"];

export interface ServerOptions {
  readonly token: string;
  readonly flags?: readonly string[];
  /** An existing folder, kept at the end; else a fresh one, removed at the end. */
  readonly dataDir?: string;
  /** Has Node.js listen for an inspector. */
  readonly inspected?: boolean;
}

/** A server in a process of its own, as an operator runs it. */
export class ServerProcess {
  url = "";
  /** Milliseconds from the start of the process to the line that says it listens, at the last start. */
  startedInMs = 0;
  readonly dataDir: string;
  readonly #options: ServerOptions;
  readonly #log: string;
  readonly #inspectors = new Set<Inspector>();
  #child: ChildProcess | undefined;
  #port = 0;
  /** CPU time of processes that were killed. */
  #spentMs = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "rollcall-bench-"));
    this.#log = join(this.dataDir, "server.log");
  }

  /** Resolves when it listens; the second start takes the port of the first. */
  async start(): Promise<void> {
    const { token, flags = [], inspected = false } = this.#options;
    const startedAt = performance.now();
    const log = openSync(this.#log, "a");
    const node = inspected ? ["--inspect=127.0.0.1:0"] : [];
    const args = [
      ...node,
      main,
      "serve",
      "--port",
      String(this.#port),
      "--data-dir",
      this.dataDir,
      ...unlimited,
      ...flags,
    ];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ROLLCALL_ADMIN_TOKEN: token },
      stdio: ["ignore", "pipe", log],
    });
    closeSync(log);
    this.#child = child;
    this.url = await new Promise<string>((resolve, reject) => {
      let text = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        const url = /^listening on (\S+)$/m.exec(text)?.[1];
        if (url !== undefined) resolve(url);
      });
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${this.log()}`)));
    });
    this.startedInMs = performance.now() - startedAt;
    this.#port = Number(new URL(this.url).port);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** CPU over all its processes, memory of the running one. */
  use(): ProcessUse {
    const use = processUse(this.pid) ?? { cpuMs: 0, rssBytes: 0 };
    return { ...use, cpuMs: use.cpuMs + this.#spentMs };
  }

  /** @throws Error when the server was not started to be inspected */
  async inspect(): Promise<Inspector> {
    const url = [...this.log().matchAll(/^Debugger listening on (\S+)$/gm)].at(-1)?.[1];
    if (url === undefined) throw new Error("the server listens for no inspector");
    const inspector = await Inspector.connect(url);
    this.#inspectors.add(inspector);
    return inspector;
  }

  log(): string {
    return readFileSync(this.#log, "utf8");
  }

  /** Sends a signal; with SIGKILL and SIGTERM resolves when the process is gone. */
  async signal(signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ends = signal === "SIGKILL" || signal === "SIGTERM";
    if (ends) this.#spentMs = this.use().cpuMs;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(signal);
    if (ends) await gone;
  }

  async stop(): Promise<void> {
    // Node.js waits for them before it ends.
    for (const inspector of this.#inspectors) inspector.close();
    await this.signal("SIGTERM");
    if (this.#options.dataDir === undefined) rmSync(this.dataDir, { recursive: true });
  }
}
