import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { organizationId } from "./organizations.ts";

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
