import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Page } from "../../domain/paging/cursor.ts";
import type { Rows } from "../store.ts";
import type { Connection } from "./open.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

/**
 * Lists a table newest first, all of it or one organisation's part, by its index on (organization_id, id).
 * @param organization the column to narrow by; null for a table without one
 */
export function keysetList<T extends SQLiteTable & { readonly id: SQLiteColumn }>(
  connection: Connection,
  table: T,
  organization: SQLiteColumn | null,
): (organizationId: string | null, page: Page) => Rows<T["$inferSelect"]> {
  const before = lt(table.id, sql.placeholder("after"));
  const prepared = (where: ReturnType<typeof and>) =>
    connection
      .select()
      .from(table as SQLiteTable)
      .where(where)
      .orderBy(desc(table.id))
      .limit(sql.placeholder("limit"))
      .prepare();
  const all = prepared(before);
  const ofOne =
    organization === null ? all : prepared(and(eq(organization, sql.placeholder("organizationId")), before));
  return (organizationId, { limit, after }) => {
    const statement = organizationId === null ? all : ofOne;
    const found = statement.all({ organizationId, after: after ?? beyondAllIds, limit: limit + 1 });
    return { rows: found.slice(0, limit) as T["$inferSelect"][], more: found.length > limit };
  };
}
