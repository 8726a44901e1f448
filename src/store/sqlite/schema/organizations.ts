import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const organizations = sqliteTable("organizations", {
  id: text("id").primaryKey(),
  name: text("name").notNull(),
  createdAt: integer("created_at").notNull(),
});

/** The column that every table of an organisation's things has. */
export const organizationId = () =>
  text("organization_id")
    .notNull()
    .references(() => organizations.id);
