import { getTableColumns, type Placeholder, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";

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
