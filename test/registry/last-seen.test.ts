import { expect, test } from "@jest/globals";
import { defaultLeaseSettings } from "../../src/domain/leases/settings.ts";
import { RunnerRegistry } from "../../src/registry/registry.ts";
import { runnerCodecs } from "../../src/rpc/messages/runner.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { testClock } from "../support/clock.ts";
import { capturedLog } from "../support/log.ts";
import { exchangeTokenOf, foundingOf, newId, register, runnerOf, someTime } from "../support/records.ts";

test("when a large fleet was last heard is written some at a time, and nobody is left out when the disk refuses a part", async () => {
  const clock = testClock(someTime);
  const store = openSqliteStore({ file: ":memory:", codecs: runnerCodecs, newId, role: "server" });
  const commits: number[] = [];
  let refused = false;
  const leases: typeof store.leases = {
    ...store.leases,
    saveLastSeen(seen) {
      commits.push(seen.length);
      if (commits.length === 2 && !refused) {
        refused = true;
        return Promise.reject(new Error("the disk is full"));
      }
      return store.leases.saveLastSeen(seen);
    },
  };
  const registry = new RunnerRegistry({
    store: { ...store, leases },
    clock,
    settings: defaultLeaseSettings,
    log: capturedLog().log,
  });
  const founding = foundingOf();
  await store.accounts.found(founding);
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
  await expect(registry.carryOver.saveLastSeen()).rejects.toThrow("the disk is full");
  await registry.carryOver.saveLastSeen();
  expect(commits.length).toBeGreaterThan(1);
  expect(Math.max(...commits)).toBeLessThanOrEqual(1_000);
  const kept = await Promise.all(fleet.map(({ id }) => store.runners.get(organizationId, id)));
  expect(new Set(kept.map((runner) => runner?.lease.lastSeenMs))).toEqual(new Set([clock.now()]));
  await store.close();
});
