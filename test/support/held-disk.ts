import { fdatasync } from "node:fs";
import { promisify } from "node:util";

/** A disk that tests hold back, let go on, and break. */
export interface HeldDisk {
  /** For a server's or a store's `disk`. */
  readonly syncFile: (descriptor: number) => Promise<void>;
  /** Has the syncs that begin from now on wait. */
  hold(): void;
  /** Has what waits, and what comes, go on. */
  release(): void;
  /** Has what waits, and what comes, fail. */
  break(): void;
  /** Resolves when a sync waits. */
  waits(): Promise<void>;
  /** Syncs that have begun. */
  readonly syncs: number;
}

export function heldDisk(sync: (descriptor: number) => Promise<void> = promisify(fdatasync)): HeldDisk {
  let gate: PromiseWithResolvers<void> | null = null;
  let reached = Promise.withResolvers<void>();
  let broken = false;
  let syncs = 0;
  return {
    async syncFile(descriptor) {
      syncs += 1;
      if (gate !== null) {
        reached.resolve();
        await gate.promise;
      }
      if (broken) throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
      await sync(descriptor);
    },
    hold() {
      gate = Promise.withResolvers();
      reached = Promise.withResolvers();
    },
    release() {
      gate?.resolve();
      gate = null;
    },
    break() {
      broken = true;
      this.release();
    },
    waits: () => reached.promise,
    get syncs() {
      return syncs;
    },
  };
}

/** Whether a promise has settled, and in which order among others. */
export function watchSettling(): {
  watch<T>(name: string, promise: Promise<T>): Promise<T>;
  readonly settled: readonly string[];
} {
  const settled: string[] = [];
  return {
    watch(name, promise) {
      const note = () => void settled.push(name);
      promise.then(note, note);
      return promise;
    },
    settled,
  };
}
