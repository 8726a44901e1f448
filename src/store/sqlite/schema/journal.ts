import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { organizationId } from "./organizations.ts";

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
