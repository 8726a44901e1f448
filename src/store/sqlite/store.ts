import type { RunnerCodecs, Store } from "../store.ts";
import { accountStore } from "./accounts.ts";
import { CommitQueue } from "./commit-queue.ts";
import { leaseStore } from "./leases.ts";
import { lockDatabase } from "./lock.ts";
import { openConnection } from "./open.ts";
import { runnerStore } from "./runners.ts";
import { tokenStore } from "./tokens.ts";

export interface SqliteStoreOptions {
  /** Path of the database file, or `:memory:`. */
  readonly file: string;
  readonly codecs: RunnerCodecs;
  /** `"server"` is alone on the file and migrates it; `"tool"` works on a current file beside the server. */
  readonly role: "server" | "tool";
}

/**
 * Opens a store on SQLite.
 * @throws DatabaseInUseError, UnusableDatabaseError with a message for the operator.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  const onDisk = options.file !== ":memory:";
  const lock = options.role === "server" && onDisk ? lockDatabase(options.file) : null;
  try {
    const connection = openConnection(options.file, options.role === "server" ? "create" : "existing");
    const client = connection.$client;
    const commits = new CommitQueue(client);
    return {
      runners: runnerStore(connection, commits, options.codecs),
      leases: leaseStore(connection, commits, options.codecs),
      tokens: tokenStore(connection, commits),
      accounts: accountStore(connection, commits, options.codecs),
      async healthy() {
        try {
          // A real read: "SELECT 1" would not touch the file.
          client.prepare("SELECT count(*) FROM organizations").get();
          return true;
        } catch {
          return false;
        }
      },
      async close() {
        if (!client.open) return;
        commits.close();
        client.close();
        lock?.release();
      },
    };
  } catch (error) {
    lock?.release();
    throw error;
  }
}
