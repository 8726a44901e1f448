import { Worker } from "node:worker_threads";

// A thread that writes takes 0.2 s of CPU to load, more than all the rest of a server's start. One whose store was closed
// waits for the next store of this process: programs that start servers again and again, such as tests, pay for it once.

/** How long a thread waits for the next store, in milliseconds. It does not keep the process from ending. */
const lingerMs = 10_000;

interface Idle {
  readonly script: string;
  /** Ends the waiting. */
  readonly stop: () => void;
}

const idle = new Map<Worker, Idle>();

/** Threads that have no store at present. */
export const idleWriterThreads: ReadonlyMap<Worker, unknown> = idle;

/** A thread that runs the script and has no store. */
export function takeWriterThread(script: URL): Worker {
  for (const [thread, { script: its, stop }] of idle) {
    if (its !== script.href) continue;
    stop();
    return thread;
  }
  // Without this process's own arguments: it may have been started with `--eval`.
  return new Worker(script, { execArgv: [] });
}

/** @param thread one that {@link takeWriterThread} gave; it has closed its store, and nothing listens to it any more */
export function giveBackWriterThread(thread: Worker, script: URL): void {
  const end = setTimeout(() => {
    stop();
    void thread.terminate();
  }, lingerMs).unref();
  const stop = (): void => {
    clearTimeout(end);
    idle.delete(thread);
    thread.off("error", stop).off("exit", stop);
  };
  idle.set(thread, { script: script.href, stop });
  thread.on("error", stop).on("exit", stop).unref();
}
