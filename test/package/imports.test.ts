import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

// The checker of import directions must really read TypeScript: without a parser that can, it finds nothing wrong.

interface Report {
  readonly summary: { readonly violations: readonly { rule: { name: string }; from: string }[] };
}

/** A small tree with one breach a rule, type-only imports among them: file, what it imports, the rule. */
const breaches = [
  [
    "src/domain/reaches-out.ts",
    "import { x } from '../rpc/plain.ts'; export const a = x;",
    "room src/domain",
  ],
  ["src/domain/type.ts", "import type { X } from '../store/port.ts'; export type A = X;", "room src/domain"],
  [
    "src/domain/reads.ts",
    "import { readFileSync } from 'node:fs'; export { readFileSync };",
    "domain-does-no-io",
  ],
  [
    "src/domain/logs.ts",
    "import type { Logger } from 'pino'; export type L = Logger;",
    "domain-needs-no-package",
  ],
  ["src/store/port.ts", "import { x } from '../rpc/plain.ts'; export type X = typeof x;", "room src/store"],
  ["src/store/up.ts", "export type { R } from './sqlite/rows.ts';", "store-port-names-no-dialect"],
  [
    "src/rpc/driver.ts",
    "import Database from 'better-sqlite3'; export { Database };",
    "drivers-in-their-dialect",
  ],
  [
    "src/rpc/dialect.ts",
    "import type { R } from '../store/sqlite/rows.ts'; export type S = R;",
    "one-place-names-a-dialect",
  ],
  [
    "src/cli/wire.ts",
    "import type { M } from '../../gen/m_pb.js'; export type N = M;",
    "gen-for-the-wire-only",
  ],
  ["src/rpc/up.ts", "import { serve } from '../http/serve.ts'; export { serve };", "room src/rpc"],
  ["src/http/stores.ts", "import type { X } from '../store/port.ts'; export type Y = X;", "room src/http"],
  ["src/agent/cheats.ts", "import { x } from '../rpc/plain.ts'; export { x };", "room src/agent"],
  [
    "src/rpc/counts.ts",
    "import { Counter } from 'prom-client'; export { Counter };",
    "telemetry-packages-in-telemetry",
  ],
  ["src/lib/knows.ts", "import { hash } from '../domain/fine.ts'; export { hash };", "room src/lib"],
  ["src/fleet/speaks.ts", "import { x } from '../rpc/plain.ts'; export { x };", "room src/fleet"],
  ["src/events/speaks.ts", "import { x } from '../rpc/plain.ts'; export { x };", "room src/events"],
  ["src/upkeep/speaks.ts", "import { x } from '../rpc/plain.ts'; export { x };", "room src/upkeep"],
  ["src/config/opens.ts", "import type { X } from '../store/port.ts'; export type C = X;", "room src/config"],
  ["src/start/serves.ts", "import { serve } from '../http/serve.ts'; export { serve };", "room src/start"],
  ["src/tls/opens.ts", "import type { X } from '../store/port.ts'; export type T = X;", "room src/tls"],
  [
    "src/telemetry/serves.ts",
    "import { serve } from '../http/serve.ts'; export { serve };",
    "room src/telemetry",
  ],
  [
    "src/unknown/new.ts",
    "import { hash } from '../domain/fine.ts'; export { hash };",
    "every-folder-has-a-line",
  ],
  ["src/store/sqlite/schema/acts.ts", "import '../engine/work.ts';", "room src/store/sqlite/schema"],
  ["src/store/sqlite/engine/knows.ts", "import '../journal/work.ts';", "room src/store/sqlite/engine"],
  ["src/store/sqlite/files/reads.ts", "import '../runners/work.ts';", "room src/store/sqlite/files"],
  ["src/store/sqlite/journal/asks.ts", "import '../access/work.ts';", "room src/store/sqlite/journal"],
  ["src/store/sqlite/access/lists.ts", "import '../runners/work.ts';", "room src/store/sqlite/access"],
  ["src/store/sqlite/runners/mints.ts", "import '../accounts/work.ts';", "room src/store/sqlite/runners"],
  ["src/store/sqlite/accounts/adds.ts", "import '../unknown/new.ts';", "room src/store/sqlite/accounts"],
  ["src/store/sqlite/unknown/new.ts", "import '../engine/work.ts';", "every-room-of-the-store-has-a-line"],
  ["src/rpc/late.ts", "await using late = await import('../../test/help.ts');", "sources-without-tests"],
  ["src/rpc/tests.ts", "import { test } from 'vitest'; export { test };", "no-dev-packages-at-run-time"],
  ["src/rpc/lost.ts", "import './nowhere.ts';", "resolvable"],
  ["src/rpc/alone.ts", "export const alone = 1;", "no-orphans"],
  ["src/rpc/ring-a.ts", "import './ring-b.ts';", "no-cycles"],
] as const;

const allowed = [
  ["src/rpc/call/plain.ts", "export const x = 1;"],
  ["src/rpc/plain.ts", "import type { M } from '../../gen/m_pb.js'; export const x: M | 1 = 1;"],
  [
    "src/rpc/fine.ts",
    "import { x } from './plain.ts'; import { hash } from '../domain/fine.ts'; export { x, hash };",
  ],
  ["src/domain/fine.ts", "import { hash } from 'node:crypto'; export { hash };"],
  ["src/store/sqlite/rows.ts", "import Database from 'better-sqlite3'; export type R = Database.Database;"],
  ["src/store/sqlite/schema.ts", "export const table = 1;"],
  ["src/store/sqlite/engine/work.ts", "import '../schema.ts';"],
  ["src/store/sqlite/journal/work.ts", "import '../engine/work.ts'; import '../schema.ts';"],
  ["src/store/sqlite/access/work.ts", "import '../journal/work.ts'; import '../engine/work.ts';"],
  ["src/store/sqlite/runners/work.ts", "import '../access/work.ts'; import '../journal/work.ts';"],
  ["src/store/sqlite/accounts/work.ts", "import '../access/work.ts'; import '../journal/work.ts';"],
  ["src/http/serve.ts", "export { x as serve } from '../rpc/call/plain.ts';"],
  ["src/rpc/ring-b.ts", "import './ring-a.ts';"],
  ["gen/m_pb.js", "export const m = 1;"],
  ["test/help.ts", "export const help = 1;"],
] as const;

const root = process.cwd();
let tree: string;
let report: Report;

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), "rollcall-imports-"));
  for (const name of ["package.json", ".dependency-cruiser.js"]) cpSync(join(root, name), join(tree, name));
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  for (const [file, source] of [...breaches, ...allowed]) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), source);
  }
  const tool = join(root, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");
  const words = [tool, "--config", ".dependency-cruiser.js", "--output-type", "json", "src"];
  // The JSON report leaves the judgement to its reader: it exits 0 whatever it found.
  const json = execFileSync(process.execPath, words, {
    cwd: tree,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  report = JSON.parse(json);
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

test.each(breaches.map(([file, , rule]) => [file, rule]))("%s breaks %s", (file, rule) => {
  const found = report.summary.violations.filter(({ from }) => from === file).map(({ rule }) => rule.name);
  expect(found).toContain(rule);
});

test.each(allowed.map(([file]) => file))("%s may be as it is", (file) => {
  expect(
    report.summary.violations.filter(({ from, rule }) => from === file && rule.name !== "no-orphans"),
  ).toEqual([]);
});

test("every rule has a breach here", async () => {
  const { default: config } = await import(join(root, ".dependency-cruiser.js"));
  const rules = config.forbidden.map(({ name }: { name: string }) => name);
  expect(rules.sort()).toEqual([...new Set(breaches.map(([, , rule]) => rule))].sort());
});
