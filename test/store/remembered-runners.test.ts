import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import fc from "fast-check";
import { LeaseState } from "../../src/domain/leases/lease.ts";
import { RunnerPhase } from "../../src/domain/runners/enums.ts";
import type { Runner } from "../../src/domain/runners/runner.ts";
import { secretBox } from "../../src/domain/tokens/seal.ts";
import { runnerCodecs, wantedSpec } from "../../src/rpc/messages/runner.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import type { Store } from "../../src/store/store.ts";
import {
  allowed,
  creating,
  exchangeTokenOf,
  foundingOf,
  newId,
  runnerOf,
  someTime,
} from "../support/records.ts";

const open = (file: string, role: "server" | "tool") =>
  openSqliteStore({ file, codecs: runnerCodecs, newId, role });

/** The runner as its row is now: lists are read from the file each time. */
async function onFile({ runners }: Store, { id, organizationId }: Runner): Promise<Runner | null> {
  const scope = { organizationId, onlyId: id, visibleTo: null };
  const filter = { creatorIds: [], kinds: [], providers: [] };
  const { rows } = await runners.list(scope, filter, { limit: 1, after: null });
  return rows[0] ?? null;
}

/** Everything that changes a runner's row, by the store or past it. */
const changes: Record<
  string,
  (store: Store, runner: Runner, step: number, file: string) => Promise<unknown>
> = {
  update: ({ runners }, runner, step) =>
    runners.update(allowed(runner), { name: `n${step}` }, someTime + step),
  pause: ({ runners }, runner, step) =>
    runners.update(allowed(runner), { desiredPhase: RunnerPhase.INACTIVE }, someTime + step),
  requestDeletion: ({ runners }, runner, step) => runners.requestDeletion(allowed(runner), someTime + step),
  remove: ({ runners }, runner, step) => runners.remove(allowed(runner), someTime + step),
  record: ({ leases }, runner, step) =>
    leases.record({
      runnerId: runner.id,
      organizationId: runner.organizationId,
      state: LeaseState.LIVE,
      generation: step,
      phase: RunnerPhase.ACTIVE,
      sinceMs: someTime,
      lastSeenMs: someTime + step,
      appliedSpecRevision: 1,
      now: someTime + step,
      report: { message: `m${step}` },
    }),
  saveLastSeen: ({ leases }, runner, step) =>
    leases.saveLastSeen([{ runnerId: runner.id, lastSeenMs: someTime + step }]),
  async byHand(_store, runner, step, file) {
    const client = new Database(file);
    client.prepare("UPDATE runners SET name = ? WHERE id = ?").run(`by hand ${step}`, runner.id);
    client.close();
  },
};

test("a runner that was read before is what the file holds, whoever changed it", async () => {
  const step = fc.record({
    change: fc.constantFrom(...Object.keys(changes)),
    by: fc.constantFrom("server" as const, "tool" as const),
    which: fc.nat(1),
  });
  let remembered = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const dir = mkdtempSync(join(tmpdir(), "rollcall-remembered-"));
      const file = join(dir, "rollcall.db");
      const stores = { server: open(file, "server"), tool: open(file, "tool") };
      try {
        const founding = foundingOf();
        await stores.server.accounts.found(founding);
        const runners = [runnerOf(founding.organization.id), runnerOf(founding.organization.id)];
        for (const runner of runners) {
          await stores.server.runners.create(creating(runner), runner, exchangeTokenOf());
        }
        for (const [index, { change, by, which }] of steps.entries()) {
          const runner = runners[which] as Runner;
          // What is being deleted cannot be changed, which is not what this is about.
          await changes[change]?.(stores[by], runner, index + 1, file).catch(() => {});
          // Other processes are asked for once in a turn.
          await setImmediate();
          for (const one of runners) {
            const expected = await onFile(stores.server, one);
            const got = stores.server.runners.get(one.organizationId, one.id);
            if (!(got instanceof Promise)) remembered += 1;
            expect(await got).toEqual(expected);
            expect(await stores.server.runners.get(one.organizationId, one.id)).toEqual(expected);
            expect(await stores.server.runners.get(newId(), one.id)).toBeNull();
          }
        }
      } finally {
        await stores.server.close();
        await stores.tool.close();
        rmSync(dir, { recursive: true });
      }
    }),
    { numRuns: 25 },
  );
  // Not by reading everything again.
  expect(remembered).toBeGreaterThan(0);
});

test("what is made of a remembered runner for its agent, the password in clear, is not remembered", async () => {
  const store = open(":memory:", "server");
  const founding = foundingOf();
  await store.accounts.found(founding);
  const box = secretBox(randomBytes(32));
  const metrics = { enabled: true, url: "https://m", username: "u", managedMetricsEnabled: false };
  const plain = runnerOf(founding.organization.id);
  const runner = { ...plain, metricsPassword: box.seal(Buffer.from("clear text")) };
  await store.runners.create(creating(runner), runner, exchangeTokenOf());
  await store.runners.update(allowed(runner), { configuration: { metrics } }, someTime);
  const { organizationId, id } = runner;
  const first = await store.runners.get(organizationId, id);
  const remembered = store.runners.get(organizationId, id) as Runner;
  expect(remembered).toBe(first);
  const before = JSON.stringify(remembered);
  expect(JSON.stringify(wantedSpec(remembered, box), textOfBigInts)).toContain("clear text");
  expect(JSON.stringify(store.runners.get(organizationId, id))).toBe(before);
  expect(before).not.toContain("clear text");
  await store.close();
});

function textOfBigInts(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
