import { sql } from "drizzle-orm";
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { UserStatus } from "../../domain/users/user.ts";

// Times are wall-clock milliseconds since the Unix epoch, hashes are SHA-256, ids are UUIDs in lower case.

const organizationId = () =>
  text("organization_id")
    .notNull()
    .references(() => organizations.id);

export const organizations = sqliteTable("organizations", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const users = sqliteTable(
  "users",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    email: text("email").notNull(),
    avatarUrl: text("avatar_url").notNull().default(""),
    // gitpod.v1.UserStatus.
    status: integer("status").$type<UserStatus>().notNull().default(UserStatus.ACTIVE),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("users_email").on(t.organizationId, t.email),
    index("users_by_id").on(t.organizationId, t.id),
  ],
);

export const groups = sqliteTable(
  "groups",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    description: text("description").notNull(),
    systemManaged: integer("system_managed", { mode: "boolean" }).notNull(),
    // Made by the server to hold what is shared with its one member directly.
    directShare: integer("direct_share", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [
    uniqueIndex("groups_name").on(t.organizationId, t.name),
    index("groups_by_id").on(t.organizationId, t.id),
  ],
);

export const groupMemberships = sqliteTable(
  "group_memberships",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    groupId: text("group_id")
      .notNull()
      .references(() => groups.id, { onDelete: "cascade" }),
    subjectId: text("subject_id").notNull(),
    subjectPrincipal: integer("subject_principal").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("group_memberships_member").on(t.groupId, t.subjectId),
    index("group_memberships_by_subject").on(t.organizationId, t.subjectId),
  ],
);

// Runner policies are the rows with resource_type RUNNER: one table, two views.
export const roleAssignments = sqliteTable(
  "role_assignments",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    groupId: text("group_id")
      .notNull()
      .references(() => groups.id, { onDelete: "cascade" }),
    resourceType: integer("resource_type").notNull(),
    resourceId: text("resource_id").notNull(),
    role: integer("role").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("role_assignments_role").on(t.groupId, t.resourceType, t.resourceId, t.role),
    index("role_assignments_by_resource").on(t.organizationId, t.resourceType, t.resourceId),
    index("role_assignments_by_id").on(t.organizationId, t.id),
  ],
);

export const serviceAccounts = sqliteTable(
  "service_accounts",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    description: text("description").notNull(),
    creatorId: text("creator_id").notNull(),
    creatorPrincipal: integer("creator_principal").notNull(),
    createdAt: integer("created_at").notNull(),
    validUntil: integer("valid_until").notNull(),
    suspended: integer("suspended", { mode: "boolean" }).notNull(),
    systemManaged: integer("system_managed", { mode: "boolean" }).notNull(),
  },
  (t) => [
    uniqueIndex("service_accounts_name").on(t.organizationId, t.name),
    index("service_accounts_by_id").on(t.organizationId, t.id),
  ],
);

export const gateways = sqliteTable(
  "gateways",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    url: text("url").notNull(),
    region: text("region").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("gateways_name").on(t.organizationId, t.name),
    index("gateways_by_id").on(t.organizationId, t.id),
  ],
);

// The server's own keys: they sign for every organisation.
export const signingKeys = sqliteTable("signing_keys", {
  id: text("id").primaryKey(),
  publicJwk: text("public_jwk").notNull(),
  // Encrypted under the server key.
  privateKey: blob("private_key", { mode: "buffer" }).notNull(),
  createdAt: integer("created_at").notNull(),
  // Published from the start, so that verifiers know it before the first signature.
  activeFrom: integer("active_from").notNull().default(0),
  // No new signatures from then on; published until all it signed has expired.
  retiredAt: integer("retired_at"),
});

export const auditLog = sqliteTable(
  "audit_log",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    actorId: text("actor_id").notNull(),
    actorPrincipal: integer("actor_principal").notNull(),
    subjectId: text("subject_id").notNull(),
    subjectType: integer("subject_type").notNull(),
    action: text("action").notNull(),
    kind: integer("kind").notNull(),
    createdAt: integer("created_at").notNull(),
    sourceAddress: text("source_address").notNull(),
    userAgent: text("user_agent").notNull(),
  },
  (t) => [
    index("audit_log_by_time").on(t.organizationId, t.createdAt, t.id),
    index("audit_log_by_actor").on(t.organizationId, t.actorId, t.createdAt, t.id),
    index("audit_log_by_subject").on(t.organizationId, t.subjectId, t.createdAt, t.id),
  ],
);

// What watchers are told, kept for a while so that a watch can resume after a break.
export const events = sqliteTable(
  "events",
  {
    sequence: integer("sequence").primaryKey({ autoIncrement: true }),
    organizationId: organizationId(),
    operation: integer("operation").notNull(),
    resourceType: integer("resource_type").notNull(),
    resourceId: text("resource_id").notNull(),
    creatorId: text("creator_id").notNull(),
    // JSON list of the groups that the resource was shared with: it decides who may know, even after a deletion.
    audience: text("audience").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [index("events_by_organization").on(t.organizationId, t.sequence)],
);

export const runnerManagers = sqliteTable(
  "runner_managers",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [index("runner_managers_by_id").on(t.organizationId, t.id)],
);

export const runners = sqliteTable(
  "runners",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    name: text("name").notNull(),
    kind: integer("kind").notNull(),
    provider: integer("provider").notNull(),
    managerId: text("manager_id").references(() => runnerManagers.id),
    creatorId: text("creator_id").notNull(),
    creatorPrincipal: integer("creator_principal").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    spec: blob("spec", { mode: "buffer" }).notNull(),
    specRevision: integer("spec_revision").notNull(),
    metricsPassword: blob("metrics_password", { mode: "buffer" }),
    desiredSince: integer("desired_since"),
    deletionRequestedAt: integer("deletion_requested_at"),
    report: blob("report", { mode: "buffer" }).notNull(),
    reportedAt: integer("reported_at"),
    leaseState: integer("lease_state").notNull(),
    leaseGeneration: integer("lease_generation").notNull(),
    leasePhase: integer("lease_phase").notNull(),
    leaseSince: integer("lease_since").notNull(),
    lastSeenAt: integer("last_seen_at").notNull(),
    appliedSpecRevision: integer("applied_spec_revision").notNull(),
    signOffReason: text("sign_off_reason").notNull(),
    // How many starts of the server have carried the lease over without hearing of the runner.
    unheardRestarts: integer("unheard_restarts").notNull().default(0),
  },
  (t) => [
    // One index an order of listing: each page is a range of one of them, whatever the page number.
    index("runners_by_id").on(t.organizationId, t.id),
    index("runners_by_kind").on(t.organizationId, t.kind, t.id),
    index("runners_by_provider").on(t.organizationId, t.provider, t.id),
    index("runners_by_creator").on(t.organizationId, t.creatorId, t.id),
    // What a start must read before it serves: live leases, and deletions that a stop interrupted.
    index("runners_live").on(t.id).where(sql`lease_state = 1`),
    index("runners_deleting").on(t.id).where(sql`deletion_requested_at IS NOT NULL`),
    uniqueIndex("runners_manager").on(t.managerId).where(sql`manager_id IS NOT NULL`),
    uniqueIndex("runners_local_configuration").on(t.organizationId).where(sql`kind = 3`),
  ],
);

// The rows of a deleted runner stay, revoked, so that its agent is told why it is refused.
export const accessTokens = sqliteTable(
  "access_tokens",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    hash: blob("hash", { mode: "buffer" }).notNull(),
    subjectId: text("subject_id").notNull(),
    principal: integer("principal").notNull(),
    description: text("description").notNull(),
    readOnly: integer("read_only", { mode: "boolean" }).notNull(),
    creatorId: text("creator_id").notNull(),
    creatorPrincipal: integer("creator_principal").notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
    lastUsedAt: integer("last_used_at"),
    revokedAt: integer("revoked_at"),
    revokedFor: text("revoked_for", { enum: ["TOKEN_REVOKED", "RUNNER_DELETED", "SERVICE_ACCOUNT_DELETED"] }),
  },
  (t) => [
    uniqueIndex("access_tokens_hash").on(t.hash),
    index("access_tokens_by_subject").on(t.organizationId, t.subjectId, t.id),
    // Those of an organisation's people, or programs, without walking past the tokens of its runners.
    index("access_tokens_by_principal").on(t.organizationId, t.principal, t.id),
    index("access_tokens_revoked").on(t.revokedAt).where(sql`revoked_at IS NOT NULL`),
    index("access_tokens_by_expiry").on(t.expiresAt).where(sql`expires_at IS NOT NULL`),
  ],
);

export const exchangeTokens = sqliteTable(
  "exchange_tokens",
  {
    hash: blob("hash", { mode: "buffer" }).primaryKey(),
    organizationId: organizationId(),
    runnerId: text("runner_id")
      .notNull()
      .references(() => runners.id, { onDelete: "cascade" }),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    usedAt: integer("used_at"),
    idempotencyHash: blob("idempotency_hash", { mode: "buffer" }),
    accessTokenId: text("access_token_id").references(() => accessTokens.id),
  },
  (t) => [
    index("exchange_tokens_by_runner").on(t.runnerId),
    index("exchange_tokens_by_access_token").on(t.accessTokenId),
    index("exchange_tokens_by_expiry").on(t.expiresAt),
  ],
);

export const idempotentCalls = sqliteTable(
  "idempotent_calls",
  {
    organizationId: organizationId(),
    callerId: text("caller_id").notNull(),
    method: text("method").notNull(),
    keyHash: blob("key_hash", { mode: "buffer" }).notNull(),
    requestHash: blob("request_hash", { mode: "buffer" }).notNull(),
    answer: blob("answer", { mode: "buffer" }).notNull(),
    expiresAt: integer("expires_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.callerId, t.method, t.keyHash] }),
    index("idempotent_calls_by_expiry").on(t.expiresAt),
  ],
);
