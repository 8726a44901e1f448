import type { Database } from "better-sqlite3";
import { DomainError } from "../../domain/errors.ts";
import { asStoreError } from "./failures.ts";

interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Group commit. A commit with `synchronous=FULL` waits for the disk, some milliseconds whatever it holds, so
 * all writes that arrive in one turn of the event loop share one. Each runs in a savepoint of its own: one that
 * throws takes back its own writes and nobody else's. No promise settles before the commit is on disk.
 */
export class CommitQueue {
  readonly #database: Database;
  readonly #limit: number;
  readonly #listeners = new Set<() => void>();
  #waiting: Job[] = [];
  #scheduled = false;
  #closed = false;

  /** @param limit writes in one commit at most, so that a burst cannot hold the event loop for long. */
  constructor(database: Database, limit = 512) {
    this.#database = database;
    this.#limit = limit;
  }

  /**
   * Runs `work` in the next commit and resolves to its result once that is durable.
   * @param work synchronous: what an asynchronous one wrote after its first await would land outside.
   */
  run<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new DomainError("unavailable", "the store is closed"));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      this.#schedule();
    });
  }

  /** Calls back after every commit, until the returned function is called. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Commits what is waiting and accepts nothing more. */
  close(): void {
    this.#closed = true;
    while (this.#waiting.length > 0) this.#commit();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#commit();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #commit(): void {
    const jobs = this.#waiting.splice(0, this.#limit);
    if (jobs.length === 0) return;
    const settle: (() => void)[] = [];
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const job of jobs) settle.push(this.#runOne(job));
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      const reason = asStoreError(error);
      for (const job of jobs) job.reject(reason);
      return;
    }
    for (const done of settle) done();
    for (const listener of this.#listeners) listener();
  }

  /** @returns what to do once the commit is durable. */
  #runOne(job: Job): () => void {
    this.#database.exec("SAVEPOINT job");
    try {
      const value = job.work();
      if (value instanceof Promise) throw new TypeError("a write must be synchronous");
      this.#database.exec("RELEASE job");
      return () => job.resolve(value as never);
    } catch (error) {
      // A full disk makes SQLite take back the whole transaction, and with it the work of the others.
      if (!this.#database.inTransaction) throw error;
      this.#database.exec("ROLLBACK TO job; RELEASE job");
      return () => job.reject(asStoreError(error));
    }
  }
}
