import { existsSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { handOver } from "../../../lib/files.ts";
import { StoreRefusedError } from "../../store.ts";
import { isBusy } from "./failures.ts";

/** Another server holds the database. */
export class DatabaseInUseError extends StoreRefusedError {
  override readonly name = "DatabaseInUseError";
}

/**
 * Makes this process the only server of a database file until `release` is called or the process ends, however
 * it ends. Node has no file locks of its own; an exclusive SQLite transaction on an empty side file is a lock of
 * the kernel, and unlike one on the database it lets `rollcall token` and backups work beside the server.
 * @throws DatabaseInUseError when another process, or another server in this one, holds it.
 */
export function lockDatabase(file: string): { release(): void } {
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
    if (isBusy(error)) {
      throw new DatabaseInUseError(
        `another rollcall server is using ${file}; stop it, or choose another --data-dir`,
      );
    }
    throw error;
  }
  return { release: () => void lock.close() };
}

/** Whether a server holds the lock of a database file. Takes no lock that could be in a server's way. */
export function isLocked(file: string): boolean {
  if (!existsSync(lockFileOf(file))) return false;
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

function lockFileOf(file: string): string {
  return `${file}.lock`;
}
