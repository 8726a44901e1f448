import { blob, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { LlmHeader } from "../../../domain/llm-integrations/llm-integration.ts";
import { runners } from "./fleet.ts";
import { organizationId } from "./organizations.ts";

// What operators set up on a runner. All of it goes with the runner; who removes it writes the events.
const runnerId = () =>
  text("runner_id")
    .notNull()
    .references(() => runners.id);

export const environmentClasses = sqliteTable(
  "environment_classes",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    runnerId: runnerId(),
    displayName: text("display_name").notNull(),
    description: text("description").notNull(),
    // Pairs of key and value in the order in which they were sent.
    configuration: text("configuration", { mode: "json" })
      .$type<readonly { readonly key: string; readonly value: string }[]>()
      .notNull(),
    enabled: integer("enabled", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    index("environment_classes_by_id").on(t.organizationId, t.id),
    index("environment_classes_by_runner").on(t.runnerId, t.id),
  ],
);

export const scmIntegrations = sqliteTable(
  "scm_integrations",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    runnerId: runnerId(),
    scmId: text("scm_id").notNull(),
    // As it was sent, and as hosts are compared.
    host: text("host").notNull(),
    hostKey: text("host_key").notNull(),
    oauthClientId: text("oauth_client_id"),
    // Sealed to the runner's public key, which is kept beside it.
    oauthClientSecret: blob("oauth_client_secret", { mode: "buffer" }),
    sealedTo: blob("sealed_to", { mode: "buffer" }),
    oauthIssuerUrl: text("oauth_issuer_url"),
    pat: integer("pat", { mode: "boolean" }).notNull(),
    // Empty: none.
    virtualDirectory: text("virtual_directory").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("scm_integrations_host").on(t.runnerId, t.hostKey, t.virtualDirectory),
    index("scm_integrations_by_id").on(t.organizationId, t.id),
  ],
);

export const hostAuthenticationTokens = sqliteTable(
  "host_authentication_tokens",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    runnerId: runnerId(),
    integrationId: text("integration_id")
      .notNull()
      .references(() => scmIntegrations.id),
    host: text("host").notNull(),
    hostKey: text("host_key").notNull(),
    subjectId: text("subject_id").notNull(),
    subjectPrincipal: integer("subject_principal").notNull(),
    // gitpod.v1.HostAuthenticationTokenSource.
    source: integer("source").notNull(),
    // Encrypted under the server key.
    token: blob("token", { mode: "buffer" }).notNull(),
    refreshToken: blob("refresh_token", { mode: "buffer" }),
    scopes: text("scopes", { mode: "json" }).$type<readonly string[]>().notNull(),
    expiresAt: integer("expires_at"),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("host_authentication_tokens_subject").on(t.runnerId, t.hostKey, t.subjectId),
    index("host_authentication_tokens_by_id").on(t.organizationId, t.id),
    index("host_authentication_tokens_by_subject").on(t.organizationId, t.subjectId, t.id),
    index("host_authentication_tokens_by_integration").on(t.integrationId),
    index("host_authentication_tokens_by_expiry").on(t.expiresAt),
  ],
);

export const llmIntegrations = sqliteTable(
  "llm_integrations",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    runnerId: runnerId(),
    // Numbers of gitpod.v1.SupportedModel.
    models: text("models", { mode: "json" }).$type<readonly number[]>().notNull(),
    endpoint: text("endpoint").notNull(),
    // Sealed to the public key of the runner that is kept beside it.
    apiKey: blob("api_key", { mode: "buffer" }),
    sealedTo: blob("sealed_to", { mode: "buffer" }),
    maxTokens: integer("max_tokens").notNull(),
    // gitpod.v1.LLMIntegrationPhase.
    phase: integer("phase").notNull(),
    phaseReason: text("phase_reason").notNull(),
    // Each value sealed to the key beside it, both in base64.
    headers: text("headers", { mode: "json" }).$type<readonly LlmHeader[]>().notNull(),
    provider: integer("provider").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    index("llm_integrations_by_id").on(t.organizationId, t.id),
    index("llm_integrations_by_runner").on(t.runnerId, t.id),
  ],
);

// What a runner says that can be configured on it: the bytes of gitpod.v1.RunnerConfigurationSchema.
export const configurationSchemas = sqliteTable("configuration_schemas", {
  runnerId: text("runner_id")
    .primaryKey()
    .references(() => runners.id, { onDelete: "cascade" }),
  schema: blob("schema", { mode: "buffer" }).notNull(),
  reportedAt: integer("reported_at").notNull(),
});
