import { and, desc, eq, getTableColumns, lt, type Placeholder, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Page } from "../../../domain/paging/cursor.ts";
import type { Rows } from "../../store.ts";
import type { Connection } from "./open.ts";

/** One placeholder a column, under the column's own name, for statements that are prepared once. */
export function columnPlaceholders<T extends SQLiteTable>(
  table: T,
): { [K in keyof T["_"]["columns"] & string]: Placeholder<K> } {
  const names = Object.keys(getTableColumns(table));
  return Object.fromEntries(names.map((name) => [name, sql.placeholder(name)])) as never;
}

/** Builds each variant of a statement on first use and keeps it. */
export function statementCache<T>(build: (key: string) => T): (key: string) => T {
  const built = new Map<string, T>();
  return (key) => {
    let statement = built.get(key);
    if (statement === undefined) {
      statement = build(key);
      built.set(key, statement);
    }
    return statement;
  };
}

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
