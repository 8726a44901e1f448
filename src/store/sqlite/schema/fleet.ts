import { sql } from "drizzle-orm";
import { blob, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { organizationId } from "./organizations.ts";

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
    // Why an operator paused it; empty when it is not paused, or no reason was given.
    pauseNote: text("pause_note").notNull().default(""),
    // Counts up with every change of what is set up on the runner: classes, integrations.
    configurationRevision: integer("configuration_revision").notNull().default(0),
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

// How long a lease of a provider's runners may be that the server has granted: its next run carries it over for as long.
export const longestLeases = sqliteTable("longest_leases", {
  provider: integer("provider").primaryKey(),
  leaseMs: integer("lease_ms").notNull(),
});

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
