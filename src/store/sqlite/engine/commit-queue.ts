import type { Database, Statement } from "better-sqlite3";
import type { Claims } from "./claims.ts";
import type { DiskTrouble } from "./disk-trouble.ts";
import { asStoreError, diskFailed, isSyncFailure, rolledBack } from "./failures.ts";

/** Where the methods of a store have their writes done. */
export interface Commits {
  /**
   * Does the work in a transaction, and resolves to its result once that is on disk.
   * @param work synchronous: what an asynchronous one wrote after its first await would land outside. It may run twice,
   *   the first time rolled back.
   */
  run<T>(work: () => T): Promise<T>;
  /** Calls back after every commit that is on disk, until the returned function is called. */
  onCommit(listener: () => void): () => void;
}

/** A write that waits for its commit. */
export interface Job {
  /** Its place among the claims, and its name in the answer. */
  readonly slot: number;
  readonly work: () => unknown;
}

/** What came of a job; `given up`: the main thread had lost patience, and the job did not run. */
export type Outcome =
  | { readonly slot: number; readonly kind: "done"; readonly value: unknown }
  | { readonly slot: number; readonly kind: "refused"; readonly error: unknown }
  | { readonly slot: number; readonly kind: "given up" };

/** One transaction that was tried: it is on disk, or rolled back. */
export interface Commit {
  readonly outcomes: readonly Outcome[];
  /** Writes that are on disk by it; 0 when it was rolled back. */
  readonly writes: number;
  /** Set when a sync failed: which of its writes are on disk is not known, and nothing may be written any more. */
  readonly syncFailure?: unknown;
}

/**
 * Group commit, on the thread that owns the only writing connection. To bring a commit to disk takes some milliseconds
 * whatever it holds, so writes that arrived together share one. A write that throws rolls back its own changes and those
 * of no other.
 *
 * A savepoint has SQLite copy every page that a write touches, which costs more than the write. So no write gets one until
 * one throws that has changed something already; then all are rolled back and run once more, each in a savepoint of its own.
 */
export class CommitQueue {
  readonly #database: Database;
  readonly #claims: Claims;
  readonly #trouble: DiskTrouble;
  readonly #begin: Statement;
  readonly #savepoint: Statement;
  readonly #release: Statement;

  constructor(database: Database, claims: Claims, trouble: DiskTrouble) {
    this.#database = database;
    this.#claims = claims;
    this.#trouble = trouble;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#savepoint = database.prepare("SAVEPOINT job");
    this.#release = database.prepare("RELEASE job");
  }

  /** One transaction with all the jobs that the main thread still waits for. What is returned is on disk, or refused. */
  commit(jobs: readonly Job[]): Commit {
    const givenUp: Outcome[] = [];
    const taken: Job[] = [];
    const claim = () => {
      for (const job of jobs) {
        if (this.#claims.take(job.slot)) taken.push(job);
        else givenUp.push({ slot: job.slot, kind: "given up" });
      }
    };
    try {
      // Left open by a rollback that failed.
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      this.#begin.run();
    } catch (error) {
      claim();
      return { outcomes: [...givenUp, ...this.#refuseAll(taken, error)], writes: 0 };
    }
    // Only now: while another process holds the database, the main thread may still give a job up.
    claim();
    try {
      const done = this.#runTogether(taken) ?? this.#runApart(taken);
      this.#database.exec("COMMIT");
      this.#trouble.noteSuccess();
      return { outcomes: [...givenUp, ...done], writes: taken.length };
    } catch (error) {
      if (isSyncFailure(error)) {
        const refused = taken.map(({ slot }): Outcome => ({ slot, kind: "refused", error: diskFailed() }));
        return { outcomes: [...givenUp, ...refused], writes: 0, syncFailure: error };
      }
      this.#rollBack();
      return { outcomes: [...givenUp, ...this.#refuseAll(taken, error)], writes: 0 };
    }
  }

  /**
   * @returns null when a job threw and what it wrote is still there
   * @throws what made SQLite roll back the whole transaction, such as a full disk
   */
  #runTogether(jobs: readonly Job[]): Outcome[] | null {
    const outcomes: Outcome[] = [];
    for (const job of jobs) {
      const before = this.#trouble.written();
      try {
        outcomes.push(this.#run(job));
      } catch (error) {
        if (!this.#database.inTransaction) throw error;
        if (this.#trouble.written() !== before) return null;
        outcomes.push(this.#refuse(job, error));
      }
    }
    return outcomes;
  }

  /** @throws what made SQLite roll back the whole transaction, such as a full disk */
  #runApart(jobs: readonly Job[]): Outcome[] {
    this.#database.exec("ROLLBACK");
    this.#begin.run();
    return jobs.map((job) => {
      this.#savepoint.run();
      try {
        const outcome = this.#run(job);
        this.#release.run();
        return outcome;
      } catch (error) {
        if (!this.#database.inTransaction) throw error;
        this.#database.exec("ROLLBACK TO job; RELEASE job");
        return this.#refuse(job, error);
      }
    });
  }

  #run({ slot, work }: Job): Outcome {
    const value = work();
    // With an error that the work has caught, SQLite may have rolled back what came before it; what comes next would be
    // on disk on its own.
    if (!this.#database.inTransaction) throw rolledBack();
    if (value instanceof Promise) throw new TypeError("a write must be synchronous");
    return { slot, kind: "done", value };
  }

  #refuseAll(jobs: readonly Job[], error: unknown): Outcome[] {
    return jobs.map((job) => this.#refuse(job, error));
  }

  #refuse({ slot }: Job, error: unknown): Outcome {
    this.#trouble.noteRefusal(error);
    return { slot, kind: "refused", error: asStoreError(error) };
  }

  /** A disk that fails can fail this too. The callers have their answer, and the next commit tries again. */
  #rollBack(): void {
    try {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
    } catch {}
  }
}
