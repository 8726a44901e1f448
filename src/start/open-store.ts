import { extname } from "node:path";
import { runnerCodecs } from "../rpc/messages/runner.ts";
import { sqliteFiles } from "../store/sqlite/files/files.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import type { StoreFiles } from "../store/store-files.ts";

export type OpenStoreOptions = Pick<SqliteStoreOptions, "observer" | "quotas" | "clock">;

/** What runs is this folder's sources, or what was compiled of them. */
const writerScript = new URL(`./store-writer${extname(import.meta.filename)}`, import.meta.url);

/**
 * Opens the store of a server, or of a tool: the one place that says which database it is.
 * @throws StoreRefusedError with a message for the operator.
 */
export function openStore(
  file: string,
  role: SqliteStoreOptions["role"],
  options: OpenStoreOptions = {},
): Store {
  return openSqliteStore({ file, codecs: runnerCodecs, writerScript, role, ...options });
}

/** Looks after the files of stores: backs up, restores, checks. Not through a store, which may be what is broken. */
export const storeFiles: StoreFiles = sqliteFiles;
