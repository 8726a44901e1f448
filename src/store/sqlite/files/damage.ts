import type { Database } from "better-sqlite3";
import { isDamage } from "../engine/failures.ts";

/** Findings that are listed at most: one bad page can break thousands of rows. */
const listed = 10;

/** What is wrong with the file itself, one sentence each: pages, indexes, and rows that name rows that are gone. */
export function damage(database: Database): readonly string[] {
  try {
    const found = database.pragma(`integrity_check(${listed})`) as { integrity_check: string }[];
    const pages = found.map((row) => row.integrity_check).filter((text) => text !== "ok");
    const orphans = database.pragma("foreign_key_check") as { table: string; parent: string }[];
    const rows = orphans.slice(0, listed).map(({ table, parent }) => {
      return `a row of ${table} names a row of ${parent} that is not there`;
    });
    return [...pages, ...rows];
  } catch (error) {
    // So broken that it cannot even be walked.
    if (!isDamage(error)) throw error;
    return [Error.isError(error) ? error.message : "the file is malformed"];
  }
}
