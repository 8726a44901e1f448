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
import { memberStore } from "./accounts/members.ts";
import { organizationStore } from "./accounts/organizations.ts";
import { preferenceStore } from "./accounts/preferences.ts";
import { serviceAccountStore } from "./accounts/service-accounts.ts";
import { tokenStore } from "./accounts/tokens.ts";
import { userStore } from "./accounts/users.ts";
import type { Commits } from "./engine/commit-queue.ts";
import type { Connection } from "./engine/open.ts";
import type { ChangeCounts } from "./engine/writer-messages.ts";
import { auditStore } from "./journal/audit.ts";
import { eventStore } from "./journal/events.ts";
import { openJournal } from "./journal/journal.ts";
import { configurationLog } from "./runners/configuration.ts";
import { environmentClassStore } from "./runners/environment-classes.ts";
import { hostTokenEnder } from "./runners/host-token-ender.ts";
import { hostTokenStore } from "./runners/host-tokens.ts";
import { leaseStore } from "./runners/leases.ts";
import { llmIntegrationStore } from "./runners/llm-integrations.ts";
import type { RememberedRunners } from "./runners/remembered-runners.ts";
import { runnerManagerStore } from "./runners/runner-managers.ts";
import { runnerAdder } from "./runners/runner-rows.ts";
import { runnerStore } from "./runners/runners.ts";
import { scmIntegrationStore } from "./runners/scm-integrations.ts";

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
  const configuration = configurationLog(connection, journal, codecs);
  const endedTokens = hostTokenEnder(connection, configuration);
  const access = accessStore(connection, counts);
  return {
    runners: runnerStore(connection, commits, journal, codecs, quotas, remembered, configuration),
    leases: leaseStore(connection, commits, journal, codecs, configuration),
    tokens: tokenStore(connection, commits, journal, quotas, counts),
    credentials: credentialStore(connection, commits),
    founding: foundingStore(connection, commits, journal, addRunner, newId),
    users: userStore(connection, commits, journal, newId, endedTokens),
    members: memberStore(connection),
    preferences: preferenceStore(connection, commits, journal),
    serviceAccounts: serviceAccountStore(connection, commits, journal, newId, endedTokens),
    keys: keyStore(connection, commits, journal, endedTokens),
    organizations: organizationStore(connection, commits, journal, addRunner, newId),
    runnerManagers: runnerManagerStore(connection, commits, journal),
    gateways: gatewayStore(connection, commits, journal),
    environmentClasses: environmentClassStore(connection, commits, configuration, quotas),
    llmIntegrations: llmIntegrationStore(connection, commits, configuration, quotas),
    scmIntegrations: scmIntegrationStore(connection, commits, configuration, quotas, endedTokens),
    hostTokens: hostTokenStore(connection, commits, configuration, quotas, endedTokens),
    access,
    groups: groupStore(connection, commits, journal, newId),
    roles: roleStore(connection, commits, journal, newId),
    events: eventStore(connection, commits, counts, access),
    audit: auditStore(connection, commits),
  };
}
