import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type CommandProcess, listening, startCommand } from "../support/command.ts";

/** What a server holds while nobody calls it. */
export interface Use {
  /** Bytes of JavaScript's heap and what it keeps outside of it, after a collection. */
  readonly heap: number;
  /** Sockets, timers and requests that keep Node.js running. */
  readonly resources: number;
  /** Open file descriptors, as the kernel counts them. */
  readonly files: number;
  /** Bytes of the write-ahead log. */
  readonly wal: number;
}

/** A server in a process of its own, with a probe in it. */
export class SoakedServer {
  readonly token = "soak-run-admin-token";
  readonly #dir = mkdtempSync(join(tmpdir(), "rollcall-soak-"));
  readonly #command: CommandProcess;

  /** @param sabotage a module to load into the server, for trying whether the run notices */
  constructor(sabotage: string | undefined) {
    const modules = [join(import.meta.dirname, "probe.ts"), ...(sabotage === undefined ? [] : [sabotage])];
    // All calls come from one address, many with one token.
    const limits = ["--rate-limit-token", "0", "--rate-limit-address", "0"];
    this.#command = startCommand(
      ["serve", "--port", "0", "--data-dir", this.#dir, "--log-level", "error", ...limits],
      {
        ROLLCALL_ADMIN_TOKEN: this.token,
        NODE_OPTIONS: modules.map((file) => `--import=${file}`).join(" "),
      },
    );
  }

  listening(): Promise<string> {
    return listening(this.#command);
  }

  /** @throws Error when the server is gone */
  async use(): Promise<Use> {
    const { process: child, stderr } = this.#command;
    const before = stderr().length;
    child.kill("SIGUSR2");
    for (;;) {
      const told = /^soak (.*)\n/m.exec(stderr().slice(before))?.[1];
      if (told !== undefined) {
        const { heap, resources }: Pick<Use, "heap" | "resources"> = JSON.parse(told);
        const files = readdirSync(`/proc/${child.pid}/fd`).length;
        return { heap, resources, files, wal: statSync(join(this.#dir, "rollcall.db-wal")).size };
      }
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${stderr()}`);
      await wait(20);
    }
  }

  /** Stops it in order. @returns what was wrong with its end, or in its log, which holds errors alone */
  async stop(): Promise<readonly string[]> {
    this.#command.process.kill("SIGTERM");
    const code = await this.#command.exited;
    rmSync(this.#dir, { recursive: true });
    const errors = this.#command
      .stderr()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("soak "));
    return [...(code === 0 ? [] : [`the server ended with ${code}`]), ...errors.slice(0, 10)];
  }
}
