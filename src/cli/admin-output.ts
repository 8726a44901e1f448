import { printableJson } from "../lib/printable.ts";
import type { Answer } from "./admin-api.ts";
import { asTable } from "./table.ts";

/** A column of a table: its heading, and the field of the answer that it shows. */
export type Column = readonly [heading: string, field: string];

export const outputs = ["table", "json"] as const;
export type Output = (typeof outputs)[number];

/** A list as a table, or as JSON that scripts read. */
export function listText(entries: readonly Answer[], columns: readonly Column[], output: Output): string {
  if (output === "json") return printableJson(entries);
  const rows = entries.map((entry) => columns.map(([, field]) => cell(entry[field])));
  return asTable(
    columns.map(([heading]) => heading),
    rows,
  );
}

/** What a change answered: one line a field, or JSON. */
export function answerText(answer: Answer, output: Output): string {
  if (output === "json") return printableJson(answer);
  const lines = Object.entries(answer).flatMap(([name, value]) =>
    isRecord(value)
      ? Object.entries(value).map(([field, inner]) => [`${name}.${field}`, cell(inner)])
      : [[name, cell(value)]],
  );
  return lines.length === 0 ? "done" : asTable(["FIELD", "VALUE"], lines);
}

/** Enum values lose their common prefix. */
function cell(value: unknown): string {
  if (value === undefined || value === "") return "-";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const [, state] = /^(?:USER_STATUS|SIGNING_KEY_STATE)_([A-Z]+)$/.exec(text) ?? [];
  return state?.toLowerCase() ?? text;
}

function isRecord(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
