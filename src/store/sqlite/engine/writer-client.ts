import type { Worker } from "node:worker_threads";
import { DomainError } from "../../../domain/errors.ts";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import type { StoreObserver } from "../../store.ts";
import { Claims } from "./claims.ts";
import { diskFailed, diskSlow, tooManyWrites } from "./failures.ts";
import {
  bytesOf,
  type ChangeCounts,
  type Commit,
  type FromWriter,
  type ToWriter,
  unpackError,
  type WriteCall,
  type WriterSetup,
} from "./writer-messages.ts";
import { giveBackWriterThread, takeWriterThread } from "./writer-threads.ts";

export interface WriterClientOptions {
  /** The thread's script: it calls `serveWrites`. */
  readonly script: URL;
  readonly setup: Omit<WriterSetup, "claims">;
  readonly observer?: Partial<StoreObserver> | undefined;
  readonly clock?: Clock | undefined;
  /** Told of each runner whose row changed, before the write that changed it resolves. */
  readonly onRunnerChange: (id: string) => void;
  /** Sequence of the newest event in the file before the thread begins to write. */
  readonly newestEvent: number;
}

/** A write that has no answer yet. */
interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  /** When it arrived, by the monotonic clock. */
  readonly since: number;
  readonly bytes: number;
}

/**
 * How long a write waits for the thread to begin with it, in milliseconds. It counts from when the thread is there: to load it
 * takes long on a machine that is slow or busy, and says nothing of the disk.
 */
const patienceMs = 5000;

/** What the arguments of all writes that wait may take, in bytes: some KiB for each of as many as there are slots for. */
const mostBytes = 256 * 1024 * 1024;

/** How often it is looked whether one has waited for longer, in milliseconds. */
const lookMs = 20;

/**
 * The main thread's end of the thread that writes. What is written in one turn of the event loop goes to the thread in one
 * message, and what arrives there together shares a commit.
 */
export class WriterClient {
  readonly #script: URL;
  readonly #worker: Worker;
  readonly #claims: Claims;
  readonly #clock: Clock;
  readonly #observer: Partial<StoreObserver>;
  readonly #onRunnerChange: (id: string) => void;
  readonly #listeners = new Set<() => void>();
  /** By slot, in the order of arrival. */
  readonly #waiting = new Map<number, Waiting>();
  /** Slots of answered jobs, for the next ones; those from #unused on never had one. */
  readonly #free: number[] = [];
  #unused = 0;
  #waitingBytes = 0;
  #outbox: WriteCall[] = [];
  #look: NodeJS.Timeout | undefined;
  /** When the thread said its first word, by the monotonic clock. */
  #readyAt = Number.POSITIVE_INFINITY;
  #end: Promise<void> | null = null;
  #drained: PromiseWithResolvers<void> | null = null;
  /** Settled when the thread has let go of the database. */
  readonly #closed = Promise.withResolvers<void>();
  /** Why nothing is written any more. */
  #failure: Error | null = null;
  #accepts = true;
  /** What the thread has counted; as of the last commit that is on disk. */
  readonly counts: ChangeCounts;

  constructor(options: WriterClientOptions) {
    const { script, setup, observer = {}, clock = systemClock, onRunnerChange, newestEvent } = options;
    this.counts = { events: newestEvent, access: 0, revocations: 0 };
    this.#clock = clock;
    this.#observer = observer;
    this.#onRunnerChange = onRunnerChange;
    const memory = Claims.memory();
    this.#claims = new Claims(memory);
    this.#script = script;
    this.#worker = takeWriterThread(script);
    this.#listen("on");
    // After the listeners, which would undo it. The timer of #lookAgain() keeps the process alive while a write waits; a
    // store without one keeps none.
    this.#worker.unref();
    this.#worker.postMessage({ ...setup, claims: memory } satisfies ToWriter);
  }

  /** How many writes have no answer yet. */
  get length(): number {
    return this.#waiting.size;
  }

  /** Whether nothing can be written any more until the process has started again. */
  get failed(): boolean {
    return this.#failure !== null;
  }

  /**
   * Has the thread call a method of the store, and resolves to its result once that is on disk.
   * @throws DomainError `unavailable` when the thread has not begun with it in 5 s: then it was not made, and never is
   */
  call(part: string, method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (!this.#accepts) return Promise.reject(new DomainError("unavailable", "the store is closed"));
    const bytes = bytesOf(args);
    if (this.#waitingBytes + bytes > mostBytes) return Promise.reject(tooManyWrites());
    const slot = this.#free.pop() ?? this.#unused;
    if (slot === Claims.capacity) return Promise.reject(tooManyWrites());
    this.#waitingBytes += bytes;
    if (slot === this.#unused) this.#unused += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(slot, { resolve, reject, since: this.#clock.monotonic(), bytes });
      if (this.#outbox.length === 0) setImmediate(() => this.#flush());
      this.#outbox.push({ slot, part, method, args });
      this.#lookAgain();
    });
  }

  /** Calls back after every commit that is on disk, until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes nothing more, and resolves when all that was accepted has its answer. */
  async drain(): Promise<void> {
    this.#accepts = false;
    this.#flush();
    if (this.#waiting.size === 0 || this.#failure !== null) return;
    this.#drained ??= Promise.withResolvers();
    await this.#drained.promise;
  }

  /** Has the thread let go of the database, after {@link drain}; can be called again. After a failure it is left as it is. */
  end(): Promise<void> {
    this.#end ??= this.#letGo();
    return this.#end;
  }

  async #letGo(): Promise<void> {
    if (this.#failure !== null) return;
    this.#worker.ref();
    this.#worker.postMessage("close" satisfies ToWriter);
    await this.#closed.promise;
    if (this.#failure !== null) return;
    this.#listen("off");
    giveBackWriterThread(this.#worker, this.#script);
  }

  #listen(begin: "on" | "off"): void {
    this.#worker[begin]("message", this.#onMessage);
    this.#worker[begin]("error", this.#onError);
    this.#worker[begin]("exit", this.#onExit);
  }

  readonly #onMessage = (message: FromWriter): void => {
    if (message === "closed") this.#closed.resolve();
    else this.#hear(message);
  };

  readonly #onError = (error: Error): void =>
    this.#fail(new Error(`the thread that writes has ended: ${error.message}`, { cause: error }));

  readonly #onExit = (code: number): void =>
    this.#fail(new Error(`the thread that writes has ended with ${code}`));

  #flush(): void {
    const calls = this.#outbox;
    if (calls.length === 0) return;
    this.#outbox = [];
    const now = this.#clock.now();
    try {
      this.#send({ now, calls });
    } catch {
      // One holds what cannot be sent, such as a function: the others must not suffer for it.
      for (const call of calls) {
        try {
          this.#send({ now, calls: [call] });
        } catch (error) {
          this.#finish(call.slot)?.reject(error);
        }
      }
    }
  }

  #send(message: ToWriter): void {
    this.#worker.postMessage(message);
  }

  #hear({ answers, writes, seconds, counts, changedRunners, trouble, syncFailure }: Commit): void {
    this.#readyAt = Math.min(this.#readyAt, this.#clock.monotonic());
    // What is remembered is forgotten before any write resolves that has changed it.
    Object.assign(this.counts, counts);
    for (const id of changedRunners) this.#onRunnerChange(id);
    if (trouble !== undefined) this.#observer.onTrouble?.(trouble && unpackError(trouble));
    if (writes > 0) this.#observer.onBatch?.(writes, seconds);
    for (const answer of answers) {
      const waiting = this.#finish(answer.slot);
      if (answer.kind === "done") waiting?.resolve(answer.value);
      else if (answer.kind === "refused") waiting?.reject(unpackError(answer.error));
    }
    if (syncFailure !== undefined) {
      this.#fail(new Error("the disk failed to keep what was written", { cause: unpackError(syncFailure) }));
    }
    if (writes > 0) for (const listener of this.#listeners) listener();
  }

  /** Its slot is another job's from now on. */
  #finish(slot: number): Waiting | undefined {
    const waiting = this.#waiting.get(slot);
    this.#waiting.delete(slot);
    this.#waitingBytes -= waiting?.bytes ?? 0;
    this.#claims.reset(slot);
    this.#free.push(slot);
    if (this.#waiting.size === 0) this.#drained?.resolve();
    return waiting;
  }

  #lookAgain(): void {
    this.#look ??= setTimeout(() => {
      this.#look = undefined;
      this.#losePatience();
      if (this.#waiting.size > 0 && this.#failure === null) this.#lookAgain();
    }, lookMs);
  }

  /** What the thread has taken is waited for as long as it takes: what becomes of it is not known yet. */
  #losePatience(): void {
    const patient = this.#clock.monotonic() - patienceMs;
    for (const [slot, { reject, since }] of this.#waiting) {
      if (Math.max(since, this.#readyAt) > patient) return;
      if (this.#claims.giveUp(slot)) reject(diskSlow());
    }
  }

  #fail(cause: Error): void {
    if (this.#failure !== null) return;
    const failure = diskFailed();
    this.#failure = failure;
    clearTimeout(this.#look);
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#drained?.resolve();
    this.#closed.resolve();
    // It may live on without its database, and must not keep the process alive.
    this.#worker.unref();
    this.#observer.onFailed?.(cause);
  }
}
