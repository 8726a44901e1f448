import type { Database, Statement } from "better-sqlite3";
import { asStoreError, isBusy } from "./failures.ts";

/** Tells once when the disk begins to refuse writes, and once, with null, when one has got through again. */
export class DiskTrouble {
  readonly #total: Statement<[], number>;
  readonly #tell: (trouble: Error | null) => void;
  /** What was written when the disk last refused something; null when nothing was refused since a write got through. */
  #refusedAt: number | null = null;

  constructor(database: Database, tell: (trouble: Error | null) => void) {
    this.#total = database.prepare<[], number>("SELECT total_changes()").pluck();
    this.#tell = tell;
  }

  /** @param error of any kind; those that are not the disk's doing are left out */
  noteRefusal(error: unknown): void {
    if (!Error.isError(error) || asStoreError(error) === error || isBusy(error)) return;
    if (this.#refusedAt === null) this.#tell(error);
    this.#refusedAt = this.written();
  }

  /** A commit is on disk. One that wrote nothing proves nothing of the disk. */
  noteSuccess(): void {
    if (this.#refusedAt === null || this.written() === this.#refusedAt) return;
    this.#refusedAt = null;
    this.#tell(null);
  }

  /** Rows written so far by this connection. */
  written(): number {
    return this.#total.get() ?? 0;
  }
}
