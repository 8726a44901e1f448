import { closeSync, existsSync, fsyncSync, openSync, readSync, realpathSync, writeSync } from "node:fs";
import type { Database } from "better-sqlite3";

const chunkBytes = 1024 * 1024;

/** The write-ahead log of a database. SQLite keeps it beside the file itself, not beside a link to it. */
export function logFileOf(database: Database): string {
  return `${realpathSync(database.name)}-wal`;
}

/**
 * Writes the log that an earlier run has left behind again, byte for byte, and brings it to disk. If that run ended
 * because a sync failed, the kernel may show pages as written that are not on disk, and would never write them: what is
 * appended behind them would be lost with them in a power cut.
 * @throws what SQLite throws when another program writes, and Node's errors of the disk
 */
export function writeLogAgain(database: Database): void {
  if (database.memory) return;
  const file = logFileOf(database);
  if (!existsSync(file)) return;
  // Nobody else writes to the log then, and who reads it finds the same bytes.
  database.exec("BEGIN IMMEDIATE");
  const descriptor = openSync(file, "r+");
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (let at = 0; ; ) {
      const length = readSync(descriptor, chunk, 0, chunkBytes, at);
      if (length === 0) break;
      at += writeSync(descriptor, chunk, 0, length, at);
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
    database.exec("ROLLBACK");
  }
}
