import type { Database, Statement } from "better-sqlite3";
import type { DiskTrouble } from "./disk-trouble.ts";
import { asStoreError } from "./failures.ts";

/** A write that waits for its commit. */
export interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (reason: unknown) => void;
  /** When it arrived, by the monotonic clock. */
  readonly since: number;
}

/**
 * Runs writes in an open transaction. A savepoint has SQLite copy every page that a write touches, which costs more than
 * the write. So nobody gets one until somebody throws who has written already; then all are taken back and run once more,
 * each in a savepoint of its own.
 */
export class Jobs {
  readonly #database: Database;
  readonly #trouble: DiskTrouble;
  readonly #savepoint: Statement;
  readonly #release: Statement;
  /** Whether the next run gives each of its writes a savepoint. */
  #apart = false;

  constructor(database: Database, trouble: DiskTrouble) {
    this.#database = database;
    this.#trouble = trouble;
    this.#savepoint = database.prepare("SAVEPOINT job");
    this.#release = database.prepare("RELEASE job");
  }

  /**
   * @returns what to do once the commit is durable; null when one threw and what it wrote is still there: then all are to be
   *   taken back, and run again
   * @throws what made SQLite take back the whole transaction
   */
  run(jobs: readonly Job[]): readonly (() => void)[] | null {
    const apart = this.#apart;
    this.#apart = false;
    const settle: (() => void)[] = [];
    for (const job of jobs) {
      const done = apart ? this.#runApart(job) : this.#runTogether(job);
      if (done === null) {
        this.#apart = true;
        return null;
      }
      settle.push(done);
    }
    return settle;
  }

  #runTogether(job: Job): (() => void) | null {
    const before = this.#trouble.written();
    try {
      return resolving(job);
    } catch (error) {
      // A full disk makes SQLite take back the whole transaction, and with it the work of the others.
      if (!this.#database.inTransaction) throw error;
      return this.#trouble.written() === before ? this.#rejecting(job, error) : null;
    }
  }

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

  #rejecting(job: Job, error: unknown): () => void {
    this.#trouble.noteRefusal(error);
    return () => job.reject(asStoreError(error));
  }
}

/** Does the work. @returns what tells of it */
function resolving({ work, resolve }: Job): () => void {
  const value = work();
  if (value instanceof Promise) throw new TypeError("a write must be synchronous");
  return () => resolve(value as never);
}
