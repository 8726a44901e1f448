import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Outcome } from "./outcome.ts";
import { type Kind, kinds } from "./world.ts";

/** For each method, as `service/Method`, what each kind of caller gets. */
export type Matrix = ReadonlyMap<string, Readonly<Record<Kind, Outcome>>>;

const outcomes: readonly Outcome[] = ["yes", "no", "not visible", "unauthenticated"];

/**
 * Reads the matrix out of docs/access.md: under a heading with a service's name, a table with a row for each method.
 * @throws Error for a table that is not of that shape: it would otherwise be checked in part only
 */
export function readMatrix(): Matrix {
  const text = readFileSync(join(import.meta.dirname, "../../docs/access.md"), "utf8");
  const [, part] = text.split("\n## The matrix\n");
  const matrix = new Map<string, Record<Kind, Outcome>>();
  let service = "";
  for (const line of (part ?? "").split("\n")) {
    if (line.startsWith("### ")) service = line.slice(4).trim();
    if (!line.startsWith("|") || /^\|[-|]+\|$/.test(line)) continue;
    const [first = "", ...cells] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (first === "method") {
      if (cells.join() !== kinds.join()) throw new Error(`${service}: the columns are ${cells.join()}`);
      continue;
    }
    const method = `${service}/${first}`;
    if (matrix.has(method)) throw new Error(`${method} has two rows`);
    if (cells.length !== kinds.length) throw new Error(`${method} has ${cells.length} cells`);
    const strange = cells.find((cell) => !outcomes.includes(cell));
    if (strange !== undefined) throw new Error(`${method}: no such outcome: ${strange}`);
    matrix.set(
      method,
      Object.fromEntries(kinds.map((kind, at) => [kind, cells[at]])) as Record<Kind, Outcome>,
    );
  }
  return matrix;
}
