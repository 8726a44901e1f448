import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Says that nothing is kept on disk. */
export const inMemory = ":memory:";

/** The files of one server, all readable by its user only. */
export interface DataDir {
  /** Path of the database, or `:memory:`. */
  readonly database: string;
  /** 32 bytes that encrypt the secrets the server must be able to give back. */
  readonly serverKey: Uint8Array;
  /** Where the first start leaves the admin's token; null in memory. */
  readonly adminTokenFile: string | null;
}

/** Where a folder's database is. */
export function databaseFile(dir: string): string {
  return dir === inMemory ? inMemory : join(dir, "rollcall.db");
}

/**
 * Prepares the folder of a server, and its key on first use.
 * @throws Error when the folder cannot be made or the key file is not a key.
 */
export function openDataDir(dir: string): DataDir {
  if (dir === inMemory)
    return { database: inMemory, serverKey: randomBytes(keyLength), adminTokenFile: null };
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const database = databaseFile(dir);
  // SQLite gives its side files the mode of the database, so the mode is set before it is opened.
  if (!existsSync(database)) writeFileSync(database, "", { mode: 0o600, flag: "wx" });
  return {
    database,
    serverKey: serverKey(join(dir, "server.key")),
    adminTokenFile: join(dir, "admin-token"),
  };
}

/** Writes a secret so that only this user can read it, whatever the file's mode was before. */
export function writeSecretFile(file: string, secret: string): void {
  writeFileSync(file, "", { mode: 0o600 });
  chmodSync(file, 0o600);
  writeFileSync(file, `${secret}\n`);
}

const keyLength = 32;

function serverKey(file: string): Uint8Array {
  if (!existsSync(file)) writeSecretFile(file, randomBytes(keyLength).toString("hex"));
  const text = readFileSync(file, "utf8").trim();
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${file} is not a server key: 64 hexadecimal digits`);
  return Buffer.from(text, "hex");
}
