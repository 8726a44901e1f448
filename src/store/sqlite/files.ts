import type { StoreFiles } from "../store-files.ts";
import { backUp } from "./backup.ts";
import { check } from "./check.ts";
import { openReader } from "./open.ts";
import { restore } from "./restore.ts";

/** The files of SQLite stores. */
export const sqliteFiles: StoreFiles = { backUp, restore, check, sealedSecrets };

function sealedSecrets(file: string): readonly Uint8Array[] {
  const { client, schema } = openReader(file);
  try {
    const passwords = "SELECT metrics_password FROM runners WHERE metrics_password IS NOT NULL";
    // The first schema had no signing keys.
    const all =
      schema === "older" ? passwords : `SELECT private_key FROM signing_keys UNION ALL ${passwords}`;
    return client.prepare<[], Uint8Array>(all).pluck().all();
  } finally {
    client.close();
  }
}
