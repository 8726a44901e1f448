import { type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import type { Connection } from "../engine/open.ts";

/** A text as searches compare it: SQLite's own lower() knows ASCII alone. */
export function foldCase(text: unknown): string {
  return String(text).normalize("NFC").toLowerCase();
}

/** Teaches a connection to search as {@link containsFolded} does. */
export function defineFoldCase(connection: Connection): void {
  connection.$client.function("fold_case", { deterministic: true }, foldCase);
}

/** Whether one of the texts contains what the placeholder holds, already folded; an empty search matches everything. */
export function containsFolded(search: string, texts: readonly (SQL | SQLiteColumn)[]): SQL {
  const wanted = sql.placeholder(search);
  const found = texts.map((text) => sql`instr(fold_case(${text}), ${wanted}) > 0`);
  return sql`(${wanted} = '' OR ${sql.join(found, sql` OR `)})`;
}
