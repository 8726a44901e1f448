// The tables, by what they are about. Times are wall-clock milliseconds since the Unix epoch, hashes are SHA-256, ids
// are UUIDs in lower case.

export { serviceAccounts, userDotfiles, userPreferences, users } from "./schema/accounts.ts";
export {
  configurationSchemas,
  environmentClasses,
  hostAuthenticationTokens,
  llmIntegrations,
  scmIntegrations,
} from "./schema/configuration.ts";
export {
  accessTokens,
  exchangeTokens,
  idempotentCalls,
  serverKey,
  signingKeys,
} from "./schema/credentials.ts";
export { gateways, longestLeases, runnerManagers, runners } from "./schema/fleet.ts";
export { groupMemberships, groups, roleAssignments } from "./schema/groups.ts";
export { auditLog, events } from "./schema/journal.ts";
export { organizations } from "./schema/organizations.ts";
