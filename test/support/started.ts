import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { Server, Socket } from "node:net";
import type { Worker } from "node:worker_threads";
import { idleWriterThreads } from "../../src/store/sqlite/engine/writer-threads.ts";

/** Of 100 child processes, how many are to die at some moment of their first seconds: see test/slowed/run.ts. */
const killPercent = Number(process.env.ROLLCALL_TEST_KILL_PERCENT ?? 0);

/**
 * What this process has started and what still goes on of it: child processes, threads, listening servers and connections.
 * Node.js itself tells of each one, so no test can forget to, and none has to end by a way of its own when it fails.
 */
class Started {
  readonly #children = new Set<ChildProcess>();
  readonly #threads = new Set<Worker>();
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  /** Children from before the test that runs; those that it starts are not among them. */
  #earlier: ReadonlySet<ChildProcess> = new Set();

  constructor() {
    listen<{ process: ChildProcess }>("child_process", ({ process }) => {
      keepUntil("exit", process, this.#children);
      if (Math.random() * 100 < killPercent)
        setTimeout(() => process.kill("SIGKILL"), Math.random() * 3000).unref();
    });
    listen<{ worker: Worker }>("worker_threads", ({ worker }) => {
      keepUntil("exit", worker, this.#threads);
    });
    listen<{ server: Server }>("tracing:net.server.listen:asyncEnd", ({ server }) => {
      keepUntil("close", server, this.#servers);
    });
    for (const side of ["client", "server"]) {
      listen<{ socket: Socket }>(`net.${side}.socket`, ({ socket }) => {
        keepUntil("close", socket, this.#sockets);
      });
    }
    process.on("exit", () => this.#kill(this.#children));
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        this.#kill(this.#children);
        process.kill(process.pid, signal);
      });
    }
  }

  beginTest(): void {
    this.#earlier = new Set(this.#children);
  }

  /** Kills the children that began in the test. Servers and connections may be shared by the tests of a file, and stay. */
  async endTest(): Promise<void> {
    await this.#kill([...this.#children].filter((child) => !this.#earlier.has(child)));
  }

  async endAll(): Promise<void> {
    const children = this.#kill(this.#children);
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    // A thread without a store waits for the next one, which the next file will open.
    const threads = [...this.#threads].filter((thread) => !idleWriterThreads.has(thread));
    await Promise.all([children, ...threads.map((thread) => thread.terminate())]);
  }

  async #kill(children: Iterable<ChildProcess>): Promise<void> {
    const ends = [...children].map(async (child) => {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    });
    await Promise.all(ends);
  }
}

/** Of this process, which runs one test file after the other. */
export const started = new Started();

function listen<T>(channel: string, listener: (message: T) => void): void {
  subscribe(channel, (message) => listener(message as T));
}

interface Ending {
  once(event: string, listener: () => void): unknown;
}

function keepUntil<T extends Ending>(end: string, one: T, among: Set<T>): void {
  among.add(one);
  one.once(end, () => among.delete(one));
}
