import { defaultQuotas, noQuotas, type Quotas } from "../../domain/limits/quotas.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { RunnerCodecs, Store, StoreObserver } from "../store.ts";
import { accessStore } from "./access/access.ts";
import { groupStore } from "./access/groups.ts";
import { roleStore } from "./access/roles.ts";
import { accountStore } from "./accounts/accounts.ts";
import { credentialStore } from "./accounts/credentials.ts";
import { gatewayStore } from "./accounts/gateways.ts";
import { keyStore } from "./accounts/keys.ts";
import { organizationStore } from "./accounts/organizations.ts";
import { serviceAccountStore } from "./accounts/service-accounts.ts";
import { tokenStore } from "./accounts/tokens.ts";
import { userStore } from "./accounts/users.ts";
import { CommitQueue } from "./commit-queue.ts";
import { durableAnswers } from "./durable-answers.ts";
import { lockDatabase } from "./engine/lock.ts";
import { openConnection } from "./engine/open.ts";
import { auditStore } from "./journal/audit.ts";
import { eventStore } from "./journal/events.ts";
import { journal } from "./journal/journal.ts";
import { OutsideChanges } from "./outside-changes.ts";
import { configurationLog } from "./runners/configuration.ts";
import { environmentClassStore } from "./runners/environment-classes.ts";
import { hostTokenEnder } from "./runners/host-token-ender.ts";
import { hostTokenStore } from "./runners/host-tokens.ts";
import { leaseStore } from "./runners/leases.ts";
import { RememberedRunners } from "./runners/remembered-runners.ts";
import { runnerManagerStore } from "./runners/runner-managers.ts";
import { runnerStore } from "./runners/runners.ts";
import { scmIntegrationStore } from "./runners/scm-integrations.ts";
import { storeVitals } from "./vitals.ts";
import { WriteAheadLog, type WriteAheadLogOptions } from "./write-ahead-log.ts";

export interface SqliteStoreOptions {
  /** Path of the database file, or `:memory:`. */
  readonly file: string;
  readonly codecs: RunnerCodecs;
  /** Makes the ids of what the store writes down by itself. */
  readonly newId: IdSource;
  /** `"server"` is alone on the file and migrates it; `"tool"` works on a current file beside the server. */
  readonly role: "server" | "tool";
  readonly observer?: StoreObserver;
  /** For tests: how a server's commits are brought to disk. */
  readonly disk?: Pick<WriteAheadLogOptions, "syncFile" | "checkpointFrames">;
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
    const outside = new OutsideChanges(client);
    const sync =
      lock === null ? null : new WriteAheadLog(client, outside, { ...options.observer, ...options.disk });
    const commits = new CommitQueue(client, { ...options.observer, ...(sync && { sync }) });
    const log = journal(connection, options.newId);
    const quotas = options.role === "tool" ? noQuotas : (options.quotas ?? defaultQuotas);
    const access = accessStore(connection, log, outside.inThisTurn);
    const configuration = configurationLog(connection, log, options.codecs);
    const endedTokens = hostTokenEnder(connection, configuration);
    const remembered = new RememberedRunners(client, outside.inThisTurn);
    const parts = {
      runners: runnerStore(connection, commits, log, options.codecs, quotas, remembered, configuration),
      leases: leaseStore(connection, commits, log, options.codecs),
      tokens: tokenStore(connection, commits, log, quotas, outside),
      credentials: credentialStore(connection, commits),
      accounts: accountStore(connection, commits, log, options.codecs, options.newId),
      users: userStore(connection, commits, log, options.newId),
      serviceAccounts: serviceAccountStore(connection, commits, log, options.newId, endedTokens),
      keys: keyStore(connection, commits, log),
      organizations: organizationStore(connection, commits, log, options.codecs, options.newId),
      runnerManagers: runnerManagerStore(connection, commits, log),
      gateways: gatewayStore(connection, commits, log),
      environmentClasses: environmentClassStore(connection, commits, configuration, quotas),
      scmIntegrations: scmIntegrationStore(connection, commits, configuration, quotas, endedTokens),
      hostTokens: hostTokenStore(connection, commits, configuration, quotas, endedTokens),
      access,
      groups: groupStore(connection, commits, log, options.newId),
      roles: roleStore(connection, commits, log, options.newId),
      events: eventStore(connection, commits, log, access),
      audit: auditStore(connection, commits),
    };
    return {
      ...(sync === null ? parts : durableAnswers(parts, commits)),
      async healthy() {
        try {
          // A real read: "SELECT 1" would not touch the file.
          client.prepare("SELECT count(*) FROM organizations").get();
          return !commits.failed;
        } catch {
          return false;
        }
      },
      vitals: () => storeVitals(client, commits),
      async close() {
        await commits.close();
        await sync?.endCheckpoints();
        // Left open after a failed sync: the last one to close a database makes a checkpoint, and would take for written
        // what the kernel still has in memory of what it could not write.
        if (client.open && !commits.failed) {
          client.close();
          sync?.release();
        }
        lock?.release();
      },
    };
  } catch (error) {
    lock?.release();
    throw error;
  }
}
