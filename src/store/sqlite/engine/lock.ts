import { randomInt } from "node:crypto";
import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import Database from "better-sqlite3";
import { createFileFor } from "../../../lib/files.ts";
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
 * Locks a database file by an exclusive SQLite transaction on a side file without tables: a lock of the kernel, which ends with the
 * process however it ends (Node has no file locks of its own). Unlike one on the database it lets backups and other
 * readers work beside the server.
 *
 * A side file has a name, and names can be removed, linked and mounted elsewhere. So each has a random id, and the database
 * notes that of the side file that its last writer held (both as `user_version`; devices and inodes change their numbers
 * over a restart of the machine on some file systems). Where that is the one held here, the last writer
 * is gone. Where it is not, this connection has to be alone on the database for a moment: SQLite locks the file itself
 * then, and the connections of a server hold a shared lock on it as long as it runs.
 * @throws DatabaseInUseError when another process, or another server in this one, holds it; StoreRefusedError when
 *   something else has the side file's name.
 */
export function lockDatabase(file: string): DatabaseLock {
  const lockFile = lockFileOf(file);
  // SQLite would let everybody read it, and who can read it can hold a lock that keeps the server from starting.
  createFileFor(file, lockFile);
  // A link could have root write to another file than this.
  if (!lstatSync(lockFile).isFile()) {
    throw new StoreRefusedError(
      `${lockFile} is not a file of its own; look where it leads to, and remove it`,
    );
  }
  const lock = new Database(lockFile, { fileMustExist: true, timeout: 0 });
  let mark: number;
  try {
    lock.exec("BEGIN EXCLUSIVE");
    mark = idOf(lock);
  } catch (error) {
    lock.close();
    throw isBusy(error) ? inUse(file) : error;
  }
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

/** The id of a lock file; a new one is given one. @param lock in an exclusive transaction, then and afterwards */
function idOf(lock: Database.Database): number {
  const id = Number(lock.pragma("user_version", { simple: true }));
  if (id !== 0) return id;
  lock.pragma(`user_version = ${randomInt(1, 2 ** 31)}`);
  lock.exec("COMMIT");
  lock.exec("BEGIN EXCLUSIVE");
  return idOf(lock);
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
    `another program or rollcall server is using ${file}; stop it, or choose another --data-dir`,
  );
}

/** Beside the file itself, where a link leads to it. */
function lockFileOf(file: string): string {
  const real = existsSync(file) ? realpathSync(file) : join(realpathSync(dirname(file)), basename(file));
  return `${real}.lock`;
}
