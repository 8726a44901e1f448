import Database from "better-sqlite3";
import { expect, test, vi } from "vitest";
import { ResourceType } from "../../src/domain/access/resources.ts";
import { RunnerKind, RunnerProvider } from "../../src/domain/runners/enums.ts";
import { openStore } from "../../src/start/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { newId, someTime } from "../support/records.ts";

// What grows with the fleet is read by an index, in the order of the index: who drops one learns here who used it.

/** A few rows whatever the fleet. */
const small = ["signing_keys", "server_key", "sqlite_schema", "sqlite_master", "sqlite_sequence", "o"];
/** These hold nothing but what is looked for. */
const partial = /INDEX runners_(live|deleting)$/;
/** Only the first rows of a table, in the order of the table. */
const oldest = /\(SELECT sequence(, created_at)? FROM events ORDER BY sequence LIMIT/;

/** What SQLite would do for each statement that the store prepares while `work` runs. */
async function plansOf(work: (store: Store) => Promise<void>): Promise<{ sql: string; steps: string[] }[]> {
  const prepare = vi.spyOn(Database.prototype, "prepare");
  const store = openStore(":memory:", "server");
  await work(store);
  const client = prepare.mock.contexts.at(-1);
  const statements = new Set(prepare.mock.calls.map(([sql]) => sql.trim()));
  prepare.mockRestore();
  const plans = [...statements]
    .filter((sql) => /^(select|update|delete|with)/i.test(sql) && !sql.includes("__drizzle_migrations"))
    .map((sql) => {
      const names = [...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, 1]);
      const values = names.length > 0 ? [Object.fromEntries(names)] : [...sql.matchAll(/\?/g)].map(() => 1);
      const steps = (client as Database.Database).prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values);
      return { sql, steps: steps.map((step) => (step as { detail: string }).detail) };
    });
  await store.close();
  return plans;
}

async function everyQuery({ runners, audit, events, tokens, leases }: Store): Promise<void> {
  const [organizationId, page] = [newId(), { limit: 25, after: null }];
  const scope = { organizationId, onlyId: null, visibleTo: null };
  const all = { kinds: [], providers: [], creatorIds: [] };
  await runners.list(scope, all, page);
  await runners.list(scope, { ...all, kinds: [RunnerKind.REMOTE] }, page);
  await runners.list(scope, { ...all, providers: [RunnerProvider.GCP] }, page);
  await runners.list(scope, { ...all, creatorIds: [newId()] }, page);
  await runners.list({ ...scope, visibleTo: { creatorId: newId(), groupIds: [newId()] } }, all, page);
  await runners.list({ ...scope, onlyId: newId() }, all, page);
  const any = { actorIds: [], actorPrincipals: [], subjectIds: [], subjectTypes: [], from: null, to: null };
  for (const order of ["newest_first", "oldest_first"] as const) {
    await audit.list(organizationId, any, order, page);
    await audit.list(organizationId, { ...any, actorIds: [newId()] }, order, page);
    await audit.list(organizationId, { ...any, subjectIds: [newId()] }, order, page);
    await audit.list(organizationId, { ...any, subjectTypes: [ResourceType.RUNNER] }, order, page);
  }
  await events.read(organizationId, 0, 100);
  await tokens.runnersRevokedSince(someTime);
  await tokens.listAccessTokens(organizationId, newId());
  await leases.carryOver();
  await leases.deleting();
  await leases.offlineSince(someTime, page);
}

test("no query walks a table that grows with the fleet", async () => {
  const walks = (await plansOf(everyQuery)).flatMap(({ sql, steps }) =>
    steps
      .filter((step) => !partial.test(step) && !oldest.test(sql))
      .map((step) => /^SCAN (\w+)/.exec(step)?.[1] ?? "")
      .filter((table) => !["", "json_each", "CONSTANT", "page", ...small].includes(table))
      .map((table) => `${table}: ${sql}`),
  );
  expect(walks).toEqual([]);
});

test.each(["runners", "audit_log", "events"])("lists of %s come in the order of an index", async (table) => {
  const list = new RegExp(`^select .* from "${table}" where .* order by .* limit`, "is");
  const plans = (await plansOf(everyQuery)).filter(({ sql }) => list.test(sql));
  expect(plans.length).toBeGreaterThan(0);
  expect(plans.filter(({ steps }) => steps.some((step) => step.includes("ORDER BY")))).toEqual([]);
});
