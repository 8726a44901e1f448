import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createFileFor, makeFolder, publish, writeSecretFile } from "../lib/files.ts";
import { StoreRefusedError } from "../store/store.ts";

/** Says that nothing is kept on disk. */
export const inMemory = ":memory:";

/** The files of one server, all readable by its user only. */
export interface DataDir {
  /** Path of the database, or `:memory:`. */
  readonly database: string;
  /** 32 bytes that encrypt the secrets the server must be able to give back. */
  readonly serverKey: Uint8Array;
  /** The key of before, while a change of keys is under way: it may have encrypted what is kept. */
  readonly earlierKey: Uint8Array | null;
  /** Where the first start leaves the admin's token; null in memory. */
  readonly adminTokenFile: string | null;
}

/** `server.key` is gone or damaged; the message says what to do. */
export class UnusableServerKeyError extends StoreRefusedError {
  override readonly name = "UnusableServerKeyError";
}

/** Where a folder's database is. */
export function databaseFile(dir: string): string {
  return dir === inMemory ? inMemory : join(dir, "rollcall.db");
}

/**
 * Prepares the folder of a server, and its key on first use. Several first starts at once get the same key.
 * @throws UnusableServerKeyError when the key file is not a key, or is gone although the database is not new.
 * @throws Error when the folder cannot be made.
 */
export function openDataDir(dir: string): DataDir {
  if (dir === inMemory)
    return {
      database: inMemory,
      serverKey: randomBytes(keyLength),
      earlierKey: null,
      adminTokenFile: null,
    };
  makeFolder(dir, 0o700);
  const database = databaseFile(dir);
  // SQLite gives its side files the mode of the database, so the mode is set before it is opened.
  createFileFor(dir, database);
  // Looked at before the key: another process that fills the database beside this one has made the key before.
  const isNew = statSync(database).size === 0;
  return { database, ...serverKeys(serverKeyFile(dir), isNew), adminTokenFile: join(dir, "admin-token") };
}

/**
 * The keys that a folder has: the one in use, and while a change of keys is under way the one of before.
 * @throws UnusableServerKeyError when there is none, or it is not a key.
 */
export function existingServerKeys(dir: string): readonly [Uint8Array, ...Uint8Array[]] {
  const { serverKey, earlierKey } = serverKeys(serverKeyFile(dir), false);
  return earlierKey === null ? [serverKey] : [serverKey, earlierKey];
}

/**
 * Puts a key into the place of the folder's one.
 * @param earlier stays beside it until everything is encrypted under the new one
 */
export function placeServerKey(dir: string, key: Uint8Array, earlier: Uint8Array | null): void {
  const keys = earlier === null ? [key] : [key, earlier];
  writeSecretFile(serverKeyFile(dir), keys.map(hexLine).join(""), "replace");
}

/** Keeps a key that is no longer in use, for the backups that it encrypted. @returns where */
export function keepServerKey(dir: string, key: Uint8Array): string {
  const kept = asideName(dir);
  writeSecretFile(kept, hexLine(key), "new");
  return kept;
}

/** Moves the key file aside, whatever it holds. @returns where; null when there is none */
export function moveServerKeyAside(dir: string): string | null {
  const file = serverKeyFile(dir);
  if (!existsSync(file)) return null;
  const kept = asideName(dir);
  publish(file, kept);
  return kept;
}

function asideName(dir: string): string {
  return `${serverKeyFile(dir)}.replaced-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
}

/** Where a folder's key is. */
export function serverKeyFile(dir: string): string {
  return join(dir, "server.key");
}

const keyLength = 32;

/** What to do without the key, for those who are told that it is not there. */
export const ifLost = "If it is lost for good: rollcall server-key reset";

/** One key a line, the one in use first. */
const keysPattern = /^([0-9a-f]{64})(?:\s+([0-9a-f]{64}))?$/;

function serverKeys(file: string, mayMake: boolean): Pick<DataDir, "serverKey" | "earlierKey"> {
  if (!existsSync(file)) {
    if (!mayMake) {
      throw new UnusableServerKeyError(
        `${file} is gone, and the database holds secrets that only it can read; restore it from your backup. ${ifLost}`,
      );
    }
    makeKey(file);
  }
  const text = readFileSync(file, "utf8").trim();
  const [, inUse, earlier] = keysPattern.exec(text) ?? [];
  if (inUse === undefined) {
    const remedy = mayMake ? "remove it to have one made" : `restore it from your backup. ${ifLost}`;
    throw new UnusableServerKeyError(`${file} is not a server key: 64 hexadecimal digits; ${remedy}`);
  }
  return {
    serverKey: Buffer.from(inUse, "hex"),
    earlierKey: earlier === undefined ? null : Buffer.from(earlier, "hex"),
  };
}

/** Leaves the key alone that another first start has made meanwhile. */
function makeKey(file: string): void {
  try {
    writeSecretFile(file, hexLine(randomBytes(keyLength)), "new");
  } catch (error) {
    if (!(Error.isError(error) && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function hexLine(key: Uint8Array): string {
  return `${Buffer.from(key).toString("hex")}\n`;
}
