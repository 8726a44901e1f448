import type { Quotas } from "../../domain/limits/quotas.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { RunnerCodecs, Store } from "../store.ts";
import { accessStore } from "./access/access.ts";
import { groupStore } from "./access/groups.ts";
import { shownGroups } from "./access/resource-grants.ts";
import { roleStore } from "./access/roles.ts";
import { credentialStore } from "./accounts/credentials.ts";
import { foundingStore } from "./accounts/founding.ts";
import { gatewayStore } from "./accounts/gateways.ts";
import { keyStore } from "./accounts/keys.ts";
import { organizationStore } from "./accounts/organizations.ts";
import { serviceAccountStore } from "./accounts/service-accounts.ts";
import { tokenStore } from "./accounts/tokens.ts";
import { userStore } from "./accounts/users.ts";
import type { Commits } from "./engine/commit-queue.ts";
import type { Connection } from "./engine/open.ts";
import type { ChangeCounts } from "./engine/writer-messages.ts";
import { auditStore } from "./journal/audit.ts";
import { eventStore } from "./journal/events.ts";
import { openJournal } from "./journal/journal.ts";
import { leaseStore } from "./runners/leases.ts";
import type { RememberedRunners } from "./runners/remembered-runners.ts";
import { runnerManagerStore } from "./runners/runner-managers.ts";
import { runnerAdder } from "./runners/runner-rows.ts";
import { runnerStore } from "./runners/runners.ts";

/** The parts of a store that are made of methods. */
export type StoreParts = Omit<Store, "healthy" | "vitals" | "close">;

/** What the parts are made of. Both threads have them: one reads with its own, the other writes. */
export interface StorePartsOptions {
  readonly connection: Connection;
  readonly commits: Commits;
  readonly codecs: RunnerCodecs;
  readonly newId: IdSource;
  readonly quotas: Quotas;
  readonly counts: ChangeCounts;
  readonly remembered: RememberedRunners;
}

export function storeParts(options: StorePartsOptions): StoreParts {
  const { connection, commits, codecs, newId, quotas, counts, remembered } = options;
  const journal = openJournal(connection, newId, counts, shownGroups(connection));
  const addRunner = runnerAdder(connection, codecs);
  const access = accessStore(connection, counts);
  return {
    runners: runnerStore(connection, commits, journal, codecs, quotas, remembered),
    leases: leaseStore(connection, commits, journal, codecs),
    tokens: tokenStore(connection, commits, journal, quotas, counts),
    credentials: credentialStore(connection, commits),
    accounts: foundingStore(connection, commits, journal, addRunner, newId),
    users: userStore(connection, commits, journal, newId),
    serviceAccounts: serviceAccountStore(connection, commits, journal, newId),
    keys: keyStore(connection, commits, journal),
    organizations: organizationStore(connection, commits, journal, addRunner, newId),
    runnerManagers: runnerManagerStore(connection, commits, journal),
    gateways: gatewayStore(connection, commits, journal),
    access,
    groups: groupStore(connection, commits, journal, newId),
    roles: roleStore(connection, commits, journal, newId),
    events: eventStore(connection, commits, counts, access),
    audit: auditStore(connection, commits),
  };
}
