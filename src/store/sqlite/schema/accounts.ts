import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { UserStatus } from "../../../domain/users/user.ts";
import { organizationId } from "./organizations.ts";

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
    // Users who left stay, so that records still name them, and their addresses are free.
    uniqueIndex("users_email").on(t.organizationId, t.email).where(sql`status <> 3`),
    index("users_by_id").on(t.organizationId, t.id),
  ],
);

// What clients keep here for their users.
export const userPreferences = sqliteTable(
  "user_preferences",
  {
    id: text("id").primaryKey(),
    organizationId: organizationId(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    key: text("key").notNull(),
    value: text("value").notNull(),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [
    uniqueIndex("user_preferences_key").on(t.userId, t.key),
    index("user_preferences_by_id").on(t.userId, t.id),
  ],
);

// Where users keep their dotfiles. No row: nowhere.
export const userDotfiles = sqliteTable("user_dotfiles", {
  userId: text("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  organizationId: organizationId(),
  repository: text("repository").notNull(),
});

// The rows of deleted accounts stay, suspended, so that records still name them; see domain/service-accounts.
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
    deletedAt: integer("deleted_at"),
  },
  (t) => [
    uniqueIndex("service_accounts_name").on(t.organizationId, t.name).where(sql`deleted_at IS NULL`),
    index("service_accounts_deleted").on(t.deletedAt).where(sql`deleted_at IS NOT NULL`),
    index("service_accounts_by_id").on(t.organizationId, t.id),
  ],
);
