import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server in a process of its own, as an operator runs it; everything it logs as an error is kept. */
export class FuzzedServer {
  url = "";
  readonly errors: string[] = [];
  /** The last lines that it wrote. */
  tail: string[] = [];
  readonly admin = "fuzz-admin-token-0123456789";
  readonly #dataDir = mkdtempSync(join(tmpdir(), "rollcall-fuzz-"));
  #child: ChildProcess | undefined;
  #onLine: (line: string) => void = () => {};

  get alive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async start(flags: readonly string[]): Promise<void> {
    const here = import.meta.dirname;
    const limits = ["--rate-limit-token", "0", "--rate-limit-address", "0", "--idle-timeout", "2"];
    const child = spawn(
      process.execPath,
      [
        "--expose-gc",
        "--import",
        join(here, "heap.ts"),
        join(here, "../../src/main.ts"),
        "serve",
        ...["--port", "0", "--data-dir", this.#dataDir, ...limits, ...flags],
      ],
      { env: { ...process.env, ROLLCALL_ADMIN_TOKEN: this.admin }, stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#child = child;
    const listening = Promise.withResolvers<void>();
    let rest = "";
    const read = (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (/"level":(50|60)|\bERROR\b|\bFATAL\b/.test(line)) this.errors.push(line.slice(0, 2000));
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (this.url === "" && url !== undefined) {
          this.url = url;
          listening.resolve();
        }
        this.tail = [...this.tail.slice(-20), line];
        this.#onLine(line);
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", () => listening.reject(new Error(`the server did not start: ${rest}`)));
    await listening.promise;
  }

  /** Bytes that are in use after a collection. */
  async heap(): Promise<number> {
    return (await this.measure()).heap;
  }

  /** Bytes that are in use after a collection, and for how long the event loop was held at most since the last time. */
  async measure(): Promise<{ heap: number; heldMs: number }> {
    const told = Promise.withResolvers<{ heap: number; heldMs: number }>();
    this.#onLine = (line) => {
      const [, bytes, heldMs] = /^heap-in-use (\d+) held-ms ([\d.]+)/.exec(line) ?? [];
      if (bytes !== undefined) told.resolve({ heap: Number(bytes), heldMs: Number(heldMs) });
    };
    const gone = () => told.reject(new Error("the server is gone"));
    if (!this.alive) gone();
    this.#child?.once("exit", gone);
    this.#child?.kill("SIGUSR2");
    try {
      return await told.promise;
    } finally {
      this.#child?.off("exit", gone);
    }
  }

  async stop(): Promise<void> {
    if (this.#child !== undefined && this.alive) {
      this.#child.kill("SIGTERM");
      await once(this.#child, "exit");
    }
    rmSync(this.#dataDir, { recursive: true });
  }
}
