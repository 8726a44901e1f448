import { stripVTControlCharacters } from "node:util";
import type { Client, Row } from "./client.ts";

/** What came of one client's run. */
export interface Report {
  readonly client: Client;
  /** The library and its version, as the story told them; empty when it did not. */
  readonly version: string;
  readonly rows: readonly (Row & { readonly passed: readonly string[] })[];
  /** Empty when every step of every row was reported as passed, and nothing else went wrong. */
  readonly failures: readonly string[];
}

/** Holds what a story printed against what its client.json promises: a step that it does not mention has failed. */
export function readReport(client: Client, output: string, exitCode: number | null): Report {
  const lines = stripVTControlCharacters(output)
    .split("\n")
    .map((line) => line.trim());
  const told = (word: string) => lines.filter((line) => line.startsWith(`${word} `));
  const passed = new Set(told("ok").map((line) => line.slice("ok ".length)));
  const failures = told("not ok").map((line) => line.slice("not ok ".length));
  const rows = client.rows.map((row) => ({
    ...row,
    passed: row.steps.filter((step) => passed.has(`${row.protocol} ${row.http} ${step}`)),
  }));
  for (const row of rows) {
    const silent = row.steps.filter((step) => !row.passed.includes(step));
    if (silent.length > 0) failures.push(`${row.protocol} ${row.http}: no word of ${silent.join(", ")}`);
  }
  if (exitCode !== 0) failures.push(`run.sh ended with ${exitCode}`);
  const version = told("version")[0]?.slice("version ".length) ?? "";
  if (version === "") failures.push("it did not tell its version");
  return { client, version, rows, failures };
}

/** Steps that passed, and failures. */
export function count(reports: readonly Report[]): { passed: number; failed: number } {
  return {
    passed: reports.flatMap(({ rows }) => rows.flatMap((row) => row.passed)).length,
    failed: reports.flatMap(({ failures }) => failures).length,
  };
}
