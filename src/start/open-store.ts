import { systemClock } from "../lib/clock.ts";
import { uuidv7Source } from "../lib/ids.ts";
import { runnerCodecs } from "../rpc/messages/runner.ts";
import { sqliteFiles } from "../store/sqlite/files/files.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import type { StoreFiles } from "../store/store-files.ts";

export type OpenStoreOptions = Pick<SqliteStoreOptions, "observer" | "quotas" | "disk">;

/**
 * Opens the store of a server, or of a tool beside it: the one place that says which database it is.
 * @throws StoreRefusedError with a message for the operator.
 */
export function openStore(
  file: string,
  role: "server" | "tool",
  newId = uuidv7Source(systemClock),
  options: OpenStoreOptions = {},
): Store {
  return openSqliteStore({ file, codecs: runnerCodecs, role, newId, ...options });
}

/** Looks after the files of stores: backs up, restores, checks. Not through a store, which may be what is broken. */
export const storeFiles: StoreFiles = sqliteFiles;
