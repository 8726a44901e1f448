import { existsSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { StoreRefusedError } from "../store.ts";
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
  const lockFile = `${file}.lock`;
  // SQLite would let everybody read it, and who can read it can hold a lock that keeps the server from starting.
  if (!existsSync(lockFile)) writeFileSync(lockFile, "", { mode: 0o600 });
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
