import { existsSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import Database from "better-sqlite3";
import { handOver } from "../../../lib/files.ts";
import { StoreRefusedError } from "../../store.ts";
import { isBusy } from "./failures.ts";

/** Another server holds the database. */
export class DatabaseInUseError extends StoreRefusedError {
  override readonly name = "DatabaseInUseError";
}

/** What makes this process the only one that writes to a database, until `release` is called or the process ends. */
export interface DatabaseLock {
  /**
   * Makes sure that the database itself, and not only its name, is this lock's.
   * @param client a connection to it, in WAL mode
   * @throws DatabaseInUseError when another process has it by another name, or by a lock file that was removed since
   */
  claim(client: Database.Database): void;
  release(): void;
}

/**
 * Locks a database file by an exclusive SQLite transaction on an empty side file: a lock of the kernel, which ends with the
 * process however it ends (Node has no file locks of its own). Unlike one on the database it lets backups and other
 * readers work beside the server.
 *
 * A side file has a name, and names can be removed, linked and mounted elsewhere. So the database notes which side file
 * its last writer held (`user_version`: a checksum of device and inode). Where that is the one held here, the last writer
 * is gone. Where it is not, this connection has to be alone on the database for a moment: SQLite locks the file itself
 * then, and the connections of a server hold a shared lock on it as long as it runs.
 * @throws DatabaseInUseError when another process, or another server in this one, holds it.
 */
export function lockDatabase(file: string): DatabaseLock {
  const lockFile = lockFileOf(file);
  // SQLite would let everybody read it, and who can read it can hold a lock that keeps the server from starting.
  if (!existsSync(lockFile)) {
    writeFileSync(lockFile, "", { mode: 0o600 });
    handOver(lockFile, file, 0o600);
  }
  const lock = new Database(lockFile, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    throw isBusy(error) ? inUse(file) : error;
  }
  const { dev, ino } = statSync(lockFile, { bigint: true });
  const mark = crc32(`${dev}:${ino}`) | 0;
  return {
    claim(client) {
      if (client.pragma("user_version", { simple: true }) === mark) return;
      try {
        beAlone(client, mark);
      } catch (error) {
        throw isBusy(error) ? inUse(file) : error;
      }
    },
    release: () => void lock.close(),
  };
}

/** @throws what SQLite throws when another connection is open for longer than the busy timeout */
function beAlone(client: Database.Database, mark: number): void {
  client.pragma("locking_mode = EXCLUSIVE");
  try {
    client.exec("BEGIN IMMEDIATE");
    client.pragma(`user_version = ${mark}`);
    client.exec("COMMIT");
    // By another name the database has another write-ahead log: the mark must be in the file that they share.
    client.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    client.pragma("locking_mode = NORMAL");
    // The next read gives the lock back to the shared one, without a moment in between.
    client.prepare("SELECT count(*) FROM sqlite_schema").get();
  }
}

/** Whether a server holds the lock of a database file. Takes no lock that could be in a server's way. */
export function isLocked(file: string): boolean {
  if (!existsSync(file) || !existsSync(lockFileOf(file))) return false;
  const lock = new Database(lockFileOf(file), { readonly: true, timeout: 0 });
  try {
    lock.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    lock.close();
  }
}

function inUse(file: string): DatabaseInUseError {
  return new DatabaseInUseError(
    `another rollcall server is using ${file}; stop it, or choose another --data-dir`,
  );
}

/** Beside the file itself, where a link leads to it. */
function lockFileOf(file: string): string {
  const real = existsSync(file) ? realpathSync(file) : join(realpathSync(dirname(file)), basename(file));
  return `${real}.lock`;
}
