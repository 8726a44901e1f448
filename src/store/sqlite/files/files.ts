import type { SealedValue } from "../../key-store.ts";
import type { StoreFiles } from "../../store-files.ts";
import { isLocked } from "../engine/lock.ts";
import { openReader } from "../engine/open.ts";
import { backUp } from "./backup.ts";
import { check } from "./check.ts";
import { restore } from "./restore.ts";
import { allSealed } from "./sealed.ts";

/** The files of SQLite stores. */
export const sqliteFiles: StoreFiles = {
  backUp,
  restore,
  check,
  inUse: isLocked,
  newestTime,
  sealedSecrets,
  serverKeyDigest,
};

function sealedSecrets(file: string): readonly SealedValue[] {
  const { client, schema } = openReader(file);
  try {
    if (schema === "current") return allSealed(client);
    // The first schema had nothing else.
    const passwords = "SELECT metrics_password FROM runners WHERE metrics_password IS NOT NULL";
    const found = client.prepare<[], Uint8Array>(passwords).pluck().all();
    return found.map((sealed) => ({ sealed, context: "" }));
  } finally {
    client.close();
  }
}

function serverKeyDigest(file: string): Uint8Array | null {
  const { client, schema } = openReader(file);
  try {
    if (schema === "older") return null;
    return client.prepare<[], Uint8Array>("SELECT digest FROM server_key").pluck().get() ?? null;
  } finally {
    client.close();
  }
}

function newestTime(file: string): number | null {
  const { client, schema } = openReader(file);
  try {
    if (schema === "older") return null;
    const times = `SELECT max(created_at) AS at FROM audit_log UNION ALL SELECT max(last_seen_at) FROM runners
      UNION ALL SELECT max(last_used_at) FROM access_tokens`;
    return client.prepare<[], number | null>(`SELECT max(at) FROM (${times})`).pluck().get() ?? null;
  } finally {
    client.close();
  }
}
