import { closeSync, existsSync, fsyncSync, linkSync, openSync } from "node:fs";
import { dirname } from "node:path";

/** The files of one database: itself, its write-ahead log, and the log's index. */
const databaseSuffixes = ["", "-wal", "-shm"] as const;

/** @throws Error with code `EEXIST` when the file is there. */
export function createPrivateFile(file: string): void {
  closeSync(openSync(file, "wx", 0o600));
}

/** Makes a file and its name survive a power cut. */
export function bringToDisk(file: string): void {
  sync(file);
  // Windows opens no folders; NTFS keeps a journal of names by itself.
  if (process.platform !== "win32") sync(dirname(file));
}

/** Gives the files of a database another name as well. */
export function linkDatabase(file: string, name: string): void {
  for (const suffix of databaseSuffixes) {
    if (existsSync(file + suffix)) linkSync(file + suffix, name + suffix);
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
