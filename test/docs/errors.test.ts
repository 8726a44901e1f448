import { globSync, readFileSync } from "node:fs";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { expect, test } from "vitest";
import { RefusalReason, refusals } from "../../src/domain/leases/refusal.ts";

const page = readFileSync("docs/errors.md", "utf8");
const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| `([a-z_]+)` \|/gm)].map(([, reason = "", code = ""]) => ({
  reason,
  code,
}));
const documented = rows.map(({ reason }) => reason);

/** Every reason that the server writes into an error, wherever it does. The agent's own reasons stay on its machine. */
function reasonsInSources(): string[] {
  const found: string[] = Object.values(RefusalReason);
  for (const file of globSync("src/**/*.ts", { exclude: ["src/agent/**"] })) {
    const source = readFileSync(file, "utf8");
    for (const [, reason = ""] of source.matchAll(/(?:\breason:|\brefusal\()\s*"([A-Z][A-Z_]+)"/g))
      found.push(reason);
  }
  return [...new Set(found)].sort();
}

test("every reason of the sources is in the table, once, and no other", () => {
  const reasons = reasonsInSources();
  expect(reasons.length).toBeGreaterThan(20);
  expect([...documented].sort()).toEqual(reasons);
});

test("the table tells codes that exist", () => {
  expect(rows.filter(({ code }) => codeFromString(code) === undefined)).toEqual([]);
});

test.each(Object.entries(refusals))("%s has the code of its kind", (reason, { kind }) => {
  expect(rows).toContainEqual({ reason, code: kind });
});
