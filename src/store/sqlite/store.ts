import type { IdSource } from "../../domain/ids.ts";
import { defaultQuotas, noQuotas, type Quotas } from "../../domain/limits/quotas.ts";
import type { RunnerCodecs, Store, StoreObserver } from "../store.ts";
import { accessStore } from "./access.ts";
import { accountStore } from "./accounts.ts";
import { auditStore } from "./audit.ts";
import { CommitQueue } from "./commit-queue.ts";
import { credentialStore } from "./credentials.ts";
import { eventStore } from "./events.ts";
import { gatewayStore } from "./gateways.ts";
import { groupStore } from "./groups.ts";
import { journal } from "./journal.ts";
import { keyStore } from "./keys.ts";
import { leaseStore } from "./leases.ts";
import { lockDatabase } from "./lock.ts";
import { openConnection } from "./open.ts";
import { organizationStore } from "./organizations.ts";
import { outsideChanges } from "./outside-changes.ts";
import { RememberedRunners } from "./remembered-runners.ts";
import { roleStore } from "./roles.ts";
import { runnerManagerStore } from "./runner-managers.ts";
import { runnerStore } from "./runners.ts";
import { serviceAccountStore } from "./service-accounts.ts";
import { tokenStore } from "./tokens.ts";
import { userStore } from "./users.ts";
import { storeVitals } from "./vitals.ts";

export interface SqliteStoreOptions {
  /** Path of the database file, or `:memory:`. */
  readonly file: string;
  readonly codecs: RunnerCodecs;
  /** Makes the ids of what the store writes down by itself. */
  readonly newId: IdSource;
  /** `"server"` is alone on the file and migrates it; `"tool"` works on a current file beside the server. */
  readonly role: "server" | "tool";
  readonly observer?: StoreObserver;
  /** What callers of a server may pile up; tools are not held to it. */
  readonly quotas?: Quotas;
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
    const commits = new CommitQueue(client, options.observer);
    const log = journal(connection, options.newId);
    const quotas = options.role === "tool" ? noQuotas : (options.quotas ?? defaultQuotas);
    const outside = outsideChanges(client);
    const access = accessStore(connection, log, outside);
    const remembered = new RememberedRunners(client, outside);
    return {
      runners: runnerStore(connection, commits, log, options.codecs, quotas, remembered),
      leases: leaseStore(connection, commits, log, options.codecs),
      tokens: tokenStore(connection, commits, log, quotas),
      credentials: credentialStore(connection, commits),
      accounts: accountStore(connection, commits, log, options.codecs, options.newId),
      users: userStore(connection, commits, log, options.newId),
      serviceAccounts: serviceAccountStore(connection, commits, log, options.newId),
      keys: keyStore(connection, commits, log),
      organizations: organizationStore(connection, commits, log, options.codecs, options.newId),
      runnerManagers: runnerManagerStore(connection, commits, log),
      gateways: gatewayStore(connection, commits, log),
      access,
      groups: groupStore(connection, commits, log, options.newId),
      roles: roleStore(connection, commits, log, options.newId),
      events: eventStore(connection, commits, log, access),
      audit: auditStore(connection, commits),
      async healthy() {
        try {
          // A real read: "SELECT 1" would not touch the file.
          client.prepare("SELECT count(*) FROM organizations").get();
          return true;
        } catch {
          return false;
        }
      },
      vitals: () => storeVitals(client, commits),
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
