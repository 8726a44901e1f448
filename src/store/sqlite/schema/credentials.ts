import { sql } from "drizzle-orm";
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { runners } from "./fleet.ts";
import { organizationId } from "./organizations.ts";

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
    revokedFor: text("revoked_for", {
      enum: ["TOKEN_REVOKED", "RUNNER_DELETED", "SERVICE_ACCOUNT_DELETED", "USER_LEFT"],
    }),
    certificateName: blob("certificate_name", { mode: "buffer" }),
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
    index("exchange_tokens_by_access_token").on(t.accessTokenId).where(sql`access_token_id IS NOT NULL`),
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

// One row: tells whether a server.key is the one that encrypted what is here.
export const serverKey = sqliteTable("server_key", {
  digest: blob("digest", { mode: "buffer" }).primaryKey(),
});

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
