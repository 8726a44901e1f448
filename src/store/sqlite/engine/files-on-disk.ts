import { closeSync, existsSync, linkSync, openSync } from "node:fs";

/** The files of one database: itself, its write-ahead log, and the log's index. */
const databaseSuffixes = ["", "-wal", "-shm"] as const;

/** @throws Error with code `EEXIST` when the file is there. */
export function createPrivateFile(file: string): void {
  closeSync(openSync(file, "wx", 0o600));
}

/** Gives the files of a database another name as well. */
export function linkDatabase(file: string, name: string): void {
  for (const suffix of databaseSuffixes) {
    if (existsSync(file + suffix)) linkSync(file + suffix, name + suffix);
  }
}
