import type { Database, Statement } from "better-sqlite3";
import { type Clock, systemClock } from "../../domain/clock.ts";
import { DomainError } from "../../domain/errors.ts";
import { asStoreError, isBusy } from "./failures.ts";

interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
  /** When it arrived, by the monotonic clock. */
  readonly since: number;
}

export interface CommitQueueOptions {
  /** Writes in one commit at most, so that a burst cannot hold the event loop for long; default 512. */
  readonly limit?: number;
  /** How long a write waits for another process that holds the database, in milliseconds; default 5000. */
  readonly patienceMs?: number;
  readonly clock?: Pick<Clock, "monotonic">;
  /** Told once when the disk begins to refuse writes, and once, with null, when one has got through again. */
  readonly onTrouble?: (trouble: Error | null) => void;
  /** Told of every commit that is on disk: how many writes it holds, and how long it took, in seconds. */
  readonly onBatch?: (writes: number, seconds: number) => void;
}

/** How often a held database is tried again, in milliseconds. */
const retryMs = 20;

/** How long the closing may hold the event loop for a held database, in milliseconds. */
const closingPatienceMs = 1000;

/**
 * Group commit. A commit with `synchronous=FULL` waits for the disk, some milliseconds whatever it holds, so
 * all writes that arrive in one turn of the event loop share one. One that throws takes back its own writes and nobody
 * else's. No promise settles before the commit is on disk.
 *
 * A savepoint has SQLite copy every page that a write touches, which costs more than the write. So nobody gets one until
 * somebody throws who has written already; then all are taken back and run once more, each in a savepoint of its own.
 *
 * When another process holds the database, the writes wait in their order while the event loop goes on, and each is
 * rejected as `unavailable` when its patience is over. For that the connection's busy timeout must be 0: SQLite waits
 * without letting go of the thread.
 */
export class CommitQueue {
  readonly #database: Database;
  readonly #begin: Statement;
  readonly #savepoint: Statement;
  readonly #release: Statement;
  readonly #totalChanges: Statement;
  readonly #limit: number;
  readonly #listeners = new Set<() => void>();
  readonly #patienceMs: number;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #onTrouble: (trouble: Error | null) => void;
  readonly #onBatch: (writes: number, seconds: number) => void;
  /** What the disk refused since the last write that got through, and how much was written by then. */
  #trouble: { readonly writes: number } | null = null;
  #waiting: Job[] = [];
  /** Whether the next commit gives each of its writes a savepoint. */
  #apart = false;
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(database: Database, options: CommitQueueOptions = {}) {
    this.#database = database;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#savepoint = database.prepare("SAVEPOINT job");
    this.#release = database.prepare("RELEASE job");
    this.#totalChanges = database.prepare("SELECT total_changes()").pluck();
    this.#limit = options.limit ?? 512;
    this.#patienceMs = options.patienceMs ?? 5000;
    this.#clock = options.clock ?? systemClock;
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#onBatch = options.onBatch ?? (() => {});
  }

  /** How many writes wait for their commit. */
  get length(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `work` in the next commit and resolves to its result once that is durable.
   * @param work synchronous: what an asynchronous one wrote after its first await would land outside. It may run twice,
   *   the first time taken back.
   */
  run<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new DomainError("unavailable", "the store is closed"));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject, since: this.#clock.monotonic() });
      this.#schedule();
    });
  }

  /** Calls back after every commit, until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Commits what is waiting and accepts nothing more. Rejects the rest when another process holds the database. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    if (this.#waiting.length > 0) this.#database.pragma(`busy_timeout = ${closingPatienceMs}`);
    while (this.#waiting.length > 0) {
      const busy = this.#commit();
      if (busy !== null) this.#rejectFirst(this.#waiting.length, busy);
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const busy = this.#commit();
    if (busy !== null) {
      const patient = this.#clock.monotonic() - this.#patienceMs;
      const first = this.#waiting.findIndex(({ since }) => since > patient);
      this.#rejectFirst(first === -1 ? this.#waiting.length : first, busy);
    }
    this.#scheduled = this.#waiting.length > 0;
    if (!this.#scheduled) return;
    if (busy === null) setImmediate(() => this.#turn());
    else this.#retry = setTimeout(() => this.#turn(), retryMs);
  }

  #rejectFirst(count: number, error: unknown): void {
    const reason = asStoreError(error);
    for (const job of this.#waiting.splice(0, count)) job.reject(reason);
  }

  /** @returns why nothing was tried: another process holds the database; null otherwise. */
  #commit(): unknown {
    if (this.#waiting.length === 0) return null;
    const startedAt = this.#clock.monotonic();
    const settle: (() => void)[] = [];
    let jobs: Job[] = [];
    try {
      // Left open by a rollback that failed.
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      this.#begin.run();
    } catch (error) {
      if (isBusy(error)) return error;
      this.#noteRefusal(error);
      this.#rejectFirst(this.#limit, error);
      return null;
    }
    try {
      jobs = this.#waiting.splice(0, this.#limit);
      const apart = this.#apart;
      this.#apart = false;
      for (const job of jobs) {
        const done = apart ? this.#runApart(job) : this.#runTogether(job);
        if (done === null) return this.#runAgain(jobs);
        settle.push(done);
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      const reason = asStoreError(error);
      for (const job of jobs) job.reject(reason);
      this.#rollBack();
      this.#noteRefusal(error);
      return null;
    }
    this.#noteSuccess();
    this.#onBatch(jobs.length, (this.#clock.monotonic() - startedAt) / 1000);
    for (const done of settle) done();
    for (const listener of this.#listeners) listener();
    return null;
  }

  /** A disk that fails can fail this too. The callers have their answer, and the next commit tries again. */
  #rollBack(): void {
    try {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
    } catch {}
  }

  /** @returns what to do once the commit is durable; null when it threw and what it wrote is still there. */
  #runTogether(job: Job): (() => void) | null {
    const before = this.#writes();
    try {
      return resolving(job);
    } catch (error) {
      // A full disk makes SQLite take back the whole transaction, and with it the work of the others.
      if (!this.#database.inTransaction) throw error;
      return this.#writes() === before ? this.#rejecting(job, error) : null;
    }
  }

  /** @returns what to do once the commit is durable. */
  #runApart(job: Job): () => void {
    this.#savepoint.run();
    try {
      const done = resolving(job);
      this.#release.run();
      return done;
    } catch (error) {
      if (!this.#database.inTransaction) throw error;
      this.#database.exec("ROLLBACK TO job; RELEASE job");
      return this.#rejecting(job, error);
    }
  }

  #runAgain(jobs: readonly Job[]): unknown {
    this.#database.exec("ROLLBACK");
    this.#waiting.unshift(...jobs);
    this.#apart = true;
    return this.#commit();
  }

  #rejecting(job: Job, error: unknown): () => void {
    this.#noteRefusal(error);
    return () => job.reject(asStoreError(error));
  }

  #noteRefusal(error: unknown): void {
    if (!Error.isError(error) || asStoreError(error) === error || isBusy(error)) return;
    if (this.#trouble === null) this.#onTrouble(error);
    this.#trouble = { writes: this.#writes() };
  }

  /** A commit that wrote nothing proves nothing of the disk. */
  #noteSuccess(): void {
    if (this.#trouble === null || this.#writes() === this.#trouble.writes) return;
    this.#trouble = null;
    this.#onTrouble(null);
  }

  /** Rows written so far by this connection. */
  #writes(): number {
    return Number(this.#totalChanges.get());
  }
}

/** Does the work. @returns what tells of it */
function resolving({ work, resolve }: Job): () => void {
  const value = work();
  if (value instanceof Promise) throw new TypeError("a write must be synchronous");
  return () => resolve(value as never);
}
