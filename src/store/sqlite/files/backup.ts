import { existsSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import Database from "better-sqlite3";
import { draftOf, fsyncFile, publish } from "../../../lib/files.ts";
import { StoreRefusedError } from "../../store.ts";
import { createPrivateFile } from "../engine/files-on-disk.ts";
import { openReader } from "../engine/open.ts";
import { damage } from "./damage.ts";

/** More pages than a database can have. */
const allPages = 2 ** 31 - 1;

/** See `StoreFiles.backUp`. */
export async function backUp(file: string, target: string): Promise<{ bytes: number }> {
  const place = resolve(target);
  const taken = () => new StoreRefusedError(`${target} is there already; a backup replaces nothing`);
  if (existsSync(place)) throw taken();
  const draft = draftOf(place);
  try {
    await copyDatabase(file, draft);
    const bytes = statSync(draft).size;
    publish(draft, place);
    fsyncFile(place);
    return { bytes };
  } catch (error) {
    // Another backup had the same name, and was faster.
    throw Error.isError(error) && "code" in error && error.code === "EEXIST" ? taken() : error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Copies one moment of a database, with what is only in its write-ahead log yet, into a file that needs no other.
 * @throws UnusableDatabaseError, StoreRefusedError for a file that is not sound.
 */
export async function copyDatabase(file: string, target: string): Promise<void> {
  const { client } = openReader(file);
  try {
    // SQLite fills the file that is there, and leaves its mode.
    createPrivateFile(target);
    // In one step: a copy in several starts again whenever a server has written in between, for ever under load.
    await client.backup(target, { progress: () => allPages });
  } finally {
    client.close();
  }
  const copy = new Database(target);
  try {
    // A write-ahead log would be two more files to forget.
    copy.pragma("journal_mode = DELETE");
    const [found] = damage(copy);
    if (found !== undefined) throw new StoreRefusedError(`${file} is damaged: ${found}`);
  } finally {
    copy.close();
  }
  fsyncFile(target);
}
