import { sleep } from "./stats.ts";

/** Memory of a process after a full garbage collection, in bytes. */
export interface MemoryUse {
  /** What JavaScript holds: the heap in use, and buffers outside of it. */
  readonly heldBytes: number;
  /** Resident memory a moment later; the process need not have given back all that it freed. */
  readonly rssBytes: number;
}

interface Reply {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Asks a process of Node.js over its inspector (chromedevtools.github.io/devtools-protocol/v8), so that it needs no code for it. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const reply: Reply = JSON.parse(String(data));
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
    });
    // The process is gone: what waits must not wait for ever.
    socket.addEventListener("close", () => {
      for (const settle of this.#waiting.values()) settle({ error: { message: "the process is gone" } });
    });
  }

  static async connect(url: string): Promise<Inspector> {
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`no inspector at ${url}`)));
    });
    return new Inspector(socket);
  }

  close(): void {
    this.#socket.close();
  }

  /** Has it collect all garbage, which stops it for as long as that takes, and measures what is left. */
  async memory(settleMs = 2_000): Promise<MemoryUse> {
    // What finalizers let go in the first pass is collected by the second.
    await this.#call("HeapProfiler.collectGarbage");
    await this.#call("HeapProfiler.collectGarbage");
    await sleep(settleMs);
    const { heapUsed, external, rss } = await this.#evaluate("process.memoryUsage()");
    // `external` holds `arrayBuffers` as well.
    return { heldBytes: Number(heapUsed) + Number(external), rssBytes: Number(rss) };
  }

  /** Samples the CPU from now on. */
  async startProfile(): Promise<void> {
    await this.#call("Profiler.enable");
    await this.#call("Profiler.setSamplingInterval", { interval: 1_000 });
    await this.#call("Profiler.start");
  }

  /** @returns the samples, as a file that Chrome's DevTools read */
  async stopProfile(): Promise<string> {
    return JSON.stringify((await this.#call("Profiler.stop")).profile);
  }

  async #evaluate(expression: string): Promise<Record<string, unknown>> {
    const { result } = await this.#call("Runtime.evaluate", { expression, returnByValue: true });
    return (result as { value: Record<string, unknown> }).value;
  }

  #call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
