import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { fsyncFile, handOver } from "../../../lib/files.ts";
import { StoreRefusedError } from "../../store.ts";
import { isDamage, sqliteCode } from "../engine/failures.ts";
import { linkDatabase } from "../engine/files-on-disk.ts";
import { type DatabaseLock, lockDatabase } from "../engine/lock.ts";
import { copyDatabase } from "./backup.ts";

/** See `StoreFiles.restore`. */
export async function restore(
  backup: string,
  file: string,
  accept: (copy: string) => void,
): Promise<{ kept: string | null }> {
  const lock = lockDatabase(file);
  const copy = `${file}.restoring`;
  try {
    // Left by a restore that was cut off; no other process is here.
    rmSync(copy, { force: true });
    await copyDatabase(backup, copy);
    accept(copy);
    beginEventsAnew(copy);
    handOver(copy, file, 0o600);
    const kept = keep(file, lock);
    // Before the rename: SQLite would read the old log into the new file. What was in it is kept by its other name.
    for (const suffix of ["-wal", "-shm"]) rmSync(file + suffix, { force: true });
    renameSync(copy, file);
    fsyncFile(file);
    return { kept };
  } finally {
    rmSync(copy, { force: true });
    lock.release();
  }
}

/**
 * Clients hold numbers of events that happened after the backup, and know what these told. The events go, and the next
 * number comes from the clock, beyond all that were given out: a client that comes back with its number is told to list again.
 */
function beginEventsAnew(copy: string): void {
  const database = new Database(copy);
  try {
    // A journal on disk could outlive a crash, and be rolled back into the next copy of this name.
    database.pragma("journal_mode = MEMORY");
    // The first schema had none.
    if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'events'").get() === undefined) return;
    database.transaction(() => {
      const newest = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck().get();
      const next = Math.max(Number(newest ?? 0), Date.now());
      database.exec("DELETE FROM events; DELETE FROM sqlite_sequence WHERE name = 'events'");
      database.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)").run(next);
    })();
  } finally {
    database.close();
  }
  fsyncFile(copy);
}

/** Keeps the database of before by another name, so that its place is never empty. */
function keep(file: string, lock: DatabaseLock): string | null {
  if (!existsSync(file) || statSync(file).size === 0) return null;
  foldLog(file, lock);
  const kept = `${file}.replaced-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
  linkDatabase(file, kept);
  return kept;
}

/** Brings the write-ahead log into its database; a crash before the end then finds a database that is whole. */
function foldLog(file: string, lock: DatabaseLock): void {
  try {
    const database = new Database(file);
    try {
      lock.claim(database);
      database.pragma("wal_checkpoint(TRUNCATE)");
    } finally {
      database.close();
    }
  } catch (error) {
    // Too damaged for it, which is why it is being replaced; the log is kept beside it.
    if (isDamage(error)) return;
    if (sqliteCode(error) === null || !Error.isError(error)) throw error;
    throw new StoreRefusedError(`${file} is not replaced, since it cannot be kept: ${error.message}`, {
      cause: error,
    });
  }
}
