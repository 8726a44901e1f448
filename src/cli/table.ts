import { printable } from "../lib/printable.ts";

/**
 * Rows under a heading, in columns as wide as their widest cell. Cells may hold what others chose, such as names: none
 * steers the terminal, or reaches into another row.
 */
export function asTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows.map((row) => row.map(printable))];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return all.map((row) => line(row).trimEnd()).join("\n");
}
