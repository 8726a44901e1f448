import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LeaseState } from "../../src/domain/leases/lease.ts";
import { RunnerPhase } from "../../src/domain/runners/enums.ts";
import type { Runner } from "../../src/domain/runners/runner.ts";
import { secretBox } from "../../src/domain/tokens/seal.ts";
import { wantedSpec } from "../../src/rpc/messages/runner.ts";
import { openStore } from "../../src/start/open-store.ts";
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

const open = () => openStore(":memory:", "server");

/** The runner as its row is now: lists are read from the file each time. */
async function onFile({ runners }: Store, { id, organizationId }: Runner): Promise<Runner | null> {
  const scope = { organizationId, onlyId: id, visibleTo: null };
  const filter = { creatorIds: [], kinds: [], providers: [] };
  const { rows } = await runners.list(scope, filter, { limit: 1, after: null });
  return rows[0] ?? null;
}

/** Everything that changes a runner's row. */
const changes: Record<string, (store: Store, runner: Runner, step: number) => Promise<unknown>> = {
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
};

test("a runner that was read before is what the file holds, as soon as its change resolves", async () => {
  const step = fc.record({
    change: fc.constantFrom(...Object.keys(changes)),
    which: fc.nat(1),
  });
  let remembered = 0;
  const store = open();
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const founding = foundingOf();
        await store.founding.found(founding);
        const runners = [runnerOf(founding.organization.id), runnerOf(founding.organization.id)];
        for (const runner of runners) await store.runners.create(creating(runner), runner, exchangeTokenOf());
        for (const [index, { change, which }] of steps.entries()) {
          const runner = runners[which] as Runner;
          // What is being deleted cannot be changed, which is not what this is about.
          await changes[change]?.(store, runner, index + 1).catch(() => {});
          for (const one of runners) {
            // In this turn: nothing else may have to happen first.
            const got = store.runners.get(one.organizationId, one.id);
            if (!(got instanceof Promise)) remembered += 1;
            const expected = await onFile(store, one);
            expect(await got).toEqual(expected);
            expect(await store.runners.get(one.organizationId, one.id)).toEqual(expected);
            expect(await store.runners.get(newId(), one.id)).toBeNull();
          }
        }
      }),
      { numRuns: 25 },
    );
  } finally {
    await store.close();
  }
  // Not by reading everything again.
  expect(remembered).toBeGreaterThan(0);
});

test("what is made of a remembered runner for its agent, the password in clear, is not remembered", async () => {
  const store = open();
  const founding = foundingOf();
  await store.founding.found(founding);
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
