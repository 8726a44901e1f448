import { afterEach, beforeEach, expect, test } from "vitest";
import { defaultLeaseSettings } from "../../src/domain/leases/settings.ts";
import { RunnerRegistry } from "../../src/fleet/fleet.ts";
import { openStore } from "../../src/start/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { testClock } from "../support/clock.ts";
import { capturedLog } from "../support/log.ts";
import { exchangeTokenOf, foundingOf, register, runnerOf, someTime } from "../support/records.ts";

const clock = testClock(someTime);
const refusal = "the disk is full";

let store: Store;
beforeEach(() => {
  store = openStore(":memory:", "server");
});
afterEach(() => store.close());

/** @param changes how its store is different */
const registryWith = (changes: Partial<Store["leases"]>) =>
  new RunnerRegistry({
    store: { ...store, leases: { ...store.leases, ...changes } },
    clock,
    settings: defaultLeaseSettings,
    log: capturedLog().log,
  });

test("when a large fleet was last heard is written some at a time, and nobody is left out when the disk refuses a part", async () => {
  const commits: number[] = [];
  let refused = false;
  const registry = registryWith({
    saveLastSeen(seen) {
      commits.push(seen.length);
      if (commits.length === 2 && !refused) {
        refused = true;
        return Promise.reject(new Error(refusal));
      }
      return store.leases.saveLastSeen(seen);
    },
  });
  const founding = foundingOf();
  await store.founding.found(founding);
  const organizationId = founding.organization.id;
  const fleet = Array.from({ length: 2_100 }, () => runnerOf(organizationId));
  await Promise.all(fleet.map((runner) => register(store.runners, runner, exchangeTokenOf())));
  const hear = (generation: number) =>
    Promise.all(
      fleet.map(({ id }) =>
        registry.renew(
          { id, organizationId },
          { generation, appliedSpecRevision: 1, phase: undefined, digest: undefined },
        ),
      ),
    );
  await hear(0);
  clock.advance(1_000);
  await hear(1);
  // The second commit is refused, and nobody is heard again.
  await expect(registry.carryOver.saveLastSeen()).rejects.toThrow(refusal);
  await registry.carryOver.saveLastSeen();
  expect(commits.length).toBeGreaterThan(1);
  expect(Math.max(...commits)).toBeLessThanOrEqual(1_000);
  const kept = await Promise.all(fleet.map(({ id }) => store.runners.get(organizationId, id)));
  expect(new Set(kept.map((runner) => runner?.lease.lastSeenMs))).toEqual(new Set([clock.now()]));
});

test("how long leases may be is asked of the disk again when it refused", async () => {
  let refuses = true;
  const registry = registryWith({
    saveLongestLeases: (longest) =>
      refuses ? Promise.reject(new Error(refusal)) : store.leases.saveLongestLeases(longest),
  });
  await registry.restore();
  await expect(registry.carryOver.saveLongest()).rejects.toThrow(refusal);
  expect(await store.leases.longestLeases()).toEqual([]);
  refuses = false;
  await registry.carryOver.saveLongest();
  expect((await store.leases.longestLeases()).map(({ leaseMs }) => leaseMs)).toContain(45_000);
});
