import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Use } from "./probe.ts";

const probe = join(import.meta.dirname, "probe.ts");

/** A program of ours under measurement, in a process of its own with the probe in it. */
export class Subject {
  readonly #child: ChildProcess;
  readonly #name: string;

  /** @param args file and arguments for Node */
  constructor(name: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    this.#name = name;
    this.#child = spawn(process.execPath, ["--import", probe, ...args], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends one message, where there is one, and resolves to the next that comes. */
  ask<T>(message?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error(`${this.#name} ended`));
      this.#child.once("exit", gone);
      this.#child.once("message", (answer) => {
        this.#child.off("exit", gone);
        resolve(answer as T);
      });
      if (message !== undefined) this.#child.send(message as object);
    });
  }

  use(): Promise<Use> {
    return this.ask<Use>("use");
  }

  /** Resolves when the program prints a line that matches. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      let text = "";
      this.#child.once("exit", (code) => reject(new Error(`${this.#name} ended with ${code}`)));
      this.#child.stdout?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        const found = pattern.exec(text);
        if (found !== null) resolve(found);
      });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await gone;
  }
}
