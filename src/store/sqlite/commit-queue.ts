import type { Database, Statement } from "better-sqlite3";
import { DomainError } from "../../domain/errors.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import type { CommitSync } from "./commit-sync.ts";
import { DiskTrouble } from "./engine/disk-trouble.ts";
import { asStoreError, diskFailed, diskSlow, isBusy } from "./engine/failures.ts";
import { type Job, Jobs } from "./engine/jobs.ts";

export interface CommitQueueOptions {
  /** Absent: what SQLite has committed is durable, or need not be. */
  readonly sync?: CommitSync | undefined;
  /** Writes in one commit at most, so that a burst cannot hold the event loop for long; default 512. */
  readonly limit?: number;
  /** How long a write waits for its commit, and a read for what it has seen to be durable, in milliseconds; default 5000. */
  readonly patienceMs?: number;
  readonly clock?: Pick<Clock, "monotonic">;
  /** Told once when the disk begins to refuse writes, and once, with null, when one has got through again. */
  readonly onTrouble?: (trouble: Error | null) => void;
  /** Told of every commit that is on disk: how many writes it holds, and how long it took, in seconds. */
  readonly onBatch?: (writes: number, seconds: number) => void;
  /** Told once when a sync has failed: nothing is written any more, and the process must end without a checkpoint. */
  readonly onFailed?: (cause: unknown) => void;
}

/** Jobs that were committed together, and what is to be told when that is on disk. */
interface Batch {
  readonly jobs: readonly Job[];
  readonly settle: readonly (() => void)[];
  readonly startedAt: number;
}

/** How often a held database is tried again, in milliseconds. */
const retryMs = 20;

/** How long the closing may hold the event loop for a held database, in milliseconds. */
const closingPatienceMs = 1000;

/**
 * Group commit. To bring a commit to disk takes some milliseconds whatever it holds, so all writes that arrive in one
 * turn of the event loop, and while an earlier commit is on its way to disk, share one (jobs.ts). One that throws takes
 * back its own writes and nobody else's. No promise settles before the commit is on disk.
 *
 * When another process holds the database, or the disk is at work, the writes wait in their order while the event loop
 * goes on, and each is rejected as `unavailable` when its patience is over. For that the connection's busy timeout must
 * be 0: SQLite waits without letting go of the thread.
 */
export class CommitQueue {
  readonly #database: Database;
  readonly #begin: Statement;
  readonly #jobs: Jobs;
  readonly #limit: number;
  readonly #listeners = new Set<() => void>();
  readonly #patienceMs: number;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #trouble: DiskTrouble;
  readonly #onBatch: (writes: number, seconds: number) => void;
  readonly #onFailed: (cause: unknown) => void;
  #sync: CommitSync | null;
  /** What the disk does now; there is no commit before it is done. */
  #underWay: Promise<void> | null = null;
  /** When the commit was made that is not on disk yet, by the monotonic clock; null when all are. */
  #undurableSince: number | null = null;
  #readers: PromiseWithResolvers<void> | null = null;
  /** Why nothing is answered any more. */
  #failure: Error | null = null;
  #waiting: Job[] = [];
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(database: Database, options: CommitQueueOptions = {}) {
    this.#database = database;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#sync = options.sync ?? null;
    this.#limit = options.limit ?? 512;
    this.#patienceMs = options.patienceMs ?? 5000;
    this.#clock = options.clock ?? systemClock;
    this.#trouble = new DiskTrouble(database, options.onTrouble ?? (() => {}));
    this.#jobs = new Jobs(database, this.#trouble);
    this.#onBatch = options.onBatch ?? (() => {});
    this.#onFailed = options.onFailed ?? (() => {});
  }

  /** How many writes wait for their commit. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Whether a sync has failed: the connection must not be closed, since closing it makes a checkpoint. */
  get failed(): boolean {
    return this.#failure !== null;
  }

  /**
   * Runs `work` in the next commit and resolves to its result once that is durable.
   * @param work synchronous: what an asynchronous one wrote after its first await would land outside. It may run twice,
   *   the first time taken back.
   */
  run<T>(work: () => T): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closed) return Promise.reject(new DomainError("unavailable", "the store is closed"));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject, since: this.#clock.monotonic() });
      this.#schedule();
    });
  }

  /**
   * Null when all that can be read is durable; else resolves once all that can be read now is, and rejects as
   * `unavailable` when that takes longer than the patience of a write.
   */
  settled(): Promise<void> | null {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#undurableSince === null) return null;
    if (this.#readers === null) {
      this.#readers = Promise.withResolvers();
      this.#schedule();
    }
    return this.#readers.promise;
  }

  /** Calls back after every commit that is on disk, until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Waits for what is on its way to disk, then commits what is waiting, and accepts nothing more. Rejects the rest when
   * another process holds the database.
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay !== null) await this.#underWay;
    clearTimeout(this.#retry);
    if (this.#failure !== null || this.#waiting.length === 0) return;
    this.#rollBack();
    if (this.#sync !== null) this.#database.pragma("synchronous = FULL");
    this.#sync = null;
    this.#database.pragma(`busy_timeout = ${closingPatienceMs}`);
    while (this.#waiting.length > 0) {
      const busy = this.#proceed();
      if (busy !== null) this.#rejectFirst(this.#waiting.length, busy);
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#next(this.#underWay !== null);
  }

  /** @param later nothing can be done now but to lose patience; whoever is done earlier says so */
  #next(later: boolean): void {
    if (later) this.#retry = setTimeout(() => this.#turn(), retryMs);
    else setImmediate(() => this.#turn());
  }

  #turn(): void {
    if (this.#closed || this.#failure !== null) return;
    const held = this.#underWay === null ? this.#proceed() : diskSlow();
    if (held !== null) this.#losePatience(held);
    this.#scheduled = this.#waiting.length > 0 || this.#readers !== null;
    if (this.#scheduled) this.#next(held !== null || this.#underWay !== null);
  }

  #losePatience(held: unknown): void {
    const patient = this.#clock.monotonic() - this.#patienceMs;
    const first = this.#waiting.findIndex(({ since }) => since > patient);
    this.#rejectFirst(first === -1 ? this.#waiting.length : first, held);
    if (this.#undurableSince !== null && this.#undurableSince <= patient) this.#readers?.reject(held);
  }

  #rejectFirst(count: number, error: unknown): void {
    const reason = asStoreError(error);
    for (const job of this.#waiting.splice(0, count)) job.reject(reason);
  }

  /** One commit, or what has to be over before it. @returns why neither was tried: another process holds the database */
  #proceed(): unknown {
    if (this.#waiting.length === 0) return null;
    const startedAt = this.#clock.monotonic();
    try {
      // Left open by a rollback that failed.
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      const first = this.#sync?.prepare() ?? null;
      if (first !== null) {
        this.#waitFor(first, null);
        return null;
      }
      this.#begin.run();
    } catch (error) {
      if (isBusy(error)) return error;
      this.#trouble.noteRefusal(error);
      this.#rejectFirst(this.#limit, error);
      return null;
    }
    const jobs = this.#waiting.splice(0, this.#limit);
    let settle: Batch["settle"] | null;
    try {
      settle = this.#jobs.run(jobs);
      if (settle === null) return this.#runAgain(jobs);
      this.#database.exec("COMMIT");
    } catch (error) {
      const reason = asStoreError(error);
      for (const job of jobs) job.reject(reason);
      this.#rollBack();
      this.#trouble.noteRefusal(error);
      return null;
    }
    const batch = { jobs, settle, startedAt };
    if (this.#sync === null) this.#settle(batch);
    else {
      this.#undurableSince = startedAt;
      this.#waitFor(this.#sync.sync(), batch);
    }
    return null;
  }

  #waitFor(work: Promise<void>, batch: Batch | null): void {
    this.#underWay = work.then(
      () => {
        this.#underWay = null;
        this.#undurableSince = null;
        if (batch !== null) this.#settle(batch);
        this.#readers?.resolve();
        this.#readers = null;
        if (!this.#scheduled) return;
        clearTimeout(this.#retry);
        this.#next(false);
      },
      (cause) => this.#fail(cause, batch?.jobs ?? []),
    );
  }

  #settle({ jobs, settle, startedAt }: Batch): void {
    this.#trouble.noteSuccess();
    this.#onBatch(jobs.length, (this.#clock.monotonic() - startedAt) / 1000);
    for (const done of settle) done();
    for (const listener of this.#listeners) listener();
  }

  /** The kernel may have dropped what it could not write, and says so once: a later sync that works proves nothing. */
  #fail(cause: unknown, jobs: readonly Job[]): void {
    const failure = diskFailed();
    this.#failure = failure;
    clearTimeout(this.#retry);
    for (const job of jobs) job.reject(failure);
    this.#rejectFirst(this.#waiting.length, failure);
    this.#readers?.reject(failure);
    this.#onFailed(cause);
  }

  /** A disk that fails can fail this too. The callers have their answer, and the next commit tries again. */
  #rollBack(): void {
    try {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
    } catch {}
  }

  /** Somebody threw who had written already: they are all taken back, and each runs so that it can be, alone. */
  #runAgain(jobs: readonly Job[]): unknown {
    this.#database.exec("ROLLBACK");
    this.#waiting.unshift(...jobs);
    return this.#proceed();
  }
}
