import { extname } from "node:path";
import { Worker } from "node:worker_threads";

/** What the thread says of a checkpoint: how many frames were in the log, or SQLite's words and code of a failure. */
export type CheckpointAnswer =
  | { readonly frames: number }
  | { readonly failure: string; readonly code: string | null };

/** Brings the write-ahead log into the database on a thread of its own, which is started when it is first needed. */
export class Checkpointer {
  readonly #file: string;
  #worker: Worker | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * One checkpoint, on disk when this resolves; the log begins anew if all of it is in the database. One at a time.
   * @returns frames that were in the log
   * @throws Error with SQLite's code when nothing could be brought into the database
   */
  checkpoint(): Promise<number> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      const over = () => worker.off("message", onAnswer).off("error", onError).off("exit", onExit).unref();
      const onError = (error: Error) => {
        over();
        reject(error);
      };
      const onExit = () => onError(new Error("the thread for checkpoints has ended"));
      const onAnswer = (answer: CheckpointAnswer) => {
        if ("failure" in answer)
          return onError(Object.assign(new Error(answer.failure), { code: answer.code }));
        over();
        resolve(answer.frames);
      };
      worker.on("message", onAnswer).on("error", onError).on("exit", onExit);
      worker.ref();
      worker.postMessage("checkpoint");
    });
  }

  /** Ends the thread, after a checkpoint that is under way. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const gone = new Promise((resolve) => worker.once("exit", resolve));
    worker.ref();
    worker.postMessage("close");
    await gone;
  }

  #start(): Worker {
    // What runs is this folder's sources, or what was compiled of them.
    const script = new URL(`./checkpoint-thread${extname(import.meta.filename)}`, import.meta.url);
    const worker = new Worker(script, { workerData: this.#file });
    // It keeps no process alive that waits for nothing of it.
    worker.unref();
    worker.once("exit", () => {
      this.#worker = undefined;
    });
    // Whoever waits for a checkpoint hears of it; while nobody does, it must not end the process.
    worker.on("error", () => {});
    return worker;
  }
}
