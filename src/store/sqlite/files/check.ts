import type { Database } from "better-sqlite3";
import type { CheckReport } from "../../store-files.ts";
import { openReader } from "../engine/open.ts";
import { agreements } from "./agreements.ts";
import { damage } from "./damage.ts";

/** Rows that a finding names at most. */
const named = 3;

/** Tables that are counted, and what their rows are called. */
const counted = [
  ["organizations", "organizations"],
  ["users", "users"],
  ["runners", "runners"],
  ["access_tokens", "access tokens"],
  ["audit_log", "audit entries"],
  ["events", "events"],
] as const;

/** See `StoreFiles.check`. */
export function check(file: string): CheckReport {
  const { client, schema } = openReader(file);
  try {
    // One moment of a database that a server may be writing to.
    client.exec("BEGIN");
    const found = damage(client);
    // What lies in broken pages proves nothing about the rows.
    if (found.length > 0 || schema === "older") return { schema, problems: found, counts: {} };
    const counts = counted.map(([table, rows]) => [
      rows,
      client.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0,
    ]);
    return { schema, problems: disagreements(client), counts: Object.fromEntries(counts) };
  } finally {
    client.close();
  }
}

function disagreements(client: Database): readonly string[] {
  return agreements.flatMap(({ broken, violations }) => {
    const ids = client.prepare<[], string>(violations).pluck().all();
    if (ids.length === 0) return [];
    const more = ids.length > named ? ` and ${ids.length - named} more` : "";
    return [`${broken}: ${ids.slice(0, named).join(", ")}${more}`];
  });
}
