import { expect, test } from "vitest";
import { LeaseState } from "../../../src/domain/leases/lease.ts";
import { RunnerPhase, RunnerProvider } from "../../../src/domain/runners/enums.ts";
import type { LeaseChange } from "../../../src/store/store.ts";
import { allowed, creating, exchangeTokenOf, newId, runnerOf, someTime } from "../../support/records.ts";
import { type OpenStore, type Setting, setting } from "./setting.ts";

export function leaseContract(open: OpenStore): void {
  async function withRunner(at: Setting) {
    const runner = runnerOf(at.org);
    await at.store.runners.create(creating(runner), runner, exchangeTokenOf());
    const live: LeaseChange = {
      runnerId: runner.id,
      organizationId: at.org,
      state: LeaseState.LIVE,
      generation: 3,
      phase: RunnerPhase.DEGRADED,
      sinceMs: someTime + 1,
      lastSeenMs: someTime + 2,
      appliedSpecRevision: 1,
      now: someTime + 3,
    };
    return { runner, live };
  }

  test("a lease is kept with its runner, and what was reported with it", async () => {
    await using at = await setting(open);
    const { runner, live } = await withRunner(at);
    const report = { version: "1.2", capabilities: [1, 99], publicKey: new Uint8Array(32).fill(5) };
    expect(await at.store.leases.record({ ...live, report })).toEqual({ keyReplaced: false });
    await at.store.leases.record({ ...live, report: { message: "tired" }, now: someTime + 9 });
    const { generation, state, phase, sinceMs, lastSeenMs, appliedSpecRevision } = live;
    expect(await at.store.runners.get(at.org, runner.id)).toMatchObject({
      lease: { generation, state, phase, sinceMs, lastSeenMs, appliedSpecRevision, signOffReason: "" },
      report: { ...report, publicKey: expect.anything(), message: "tired" },
      reportedAt: someTime + 9,
      name: runner.name,
      updatedAt: runner.updatedAt,
    });
  });

  test("a lease of a runner that is gone, or of another organisation's, is not kept", async () => {
    await using at = await setting(open);
    const { runner, live } = await withRunner(at);
    const report = { version: "stolen" };
    expect(await at.store.leases.record({ ...live, organizationId: at.otherOrg })).toBeNull();
    expect(await at.store.leases.record({ ...live, organizationId: at.otherOrg, report })).toBeNull();
    expect(await at.store.runners.get(at.org, runner.id)).toMatchObject(runner);
    await at.store.runners.remove(allowed(runner), someTime);
    expect(await at.store.leases.record(live)).toBeNull();
    expect(await at.store.leases.record({ ...live, report })).toBeNull();
  });

  test("a start finds the leases that were live, and how many starts they missed", async () => {
    await using at = await setting(open);
    const { leases } = at.store;
    const { runner, live } = await withRunner(at);
    const gone = await withRunner(at);
    await leases.record(live);
    await leases.record({ ...gone.live, state: LeaseState.SIGNED_OFF, signOffReason: "bye" });
    const carried = { runnerId: runner.id, organizationId: at.org, generation: 3, state: LeaseState.LIVE };
    expect(await leases.carryOver()).toMatchObject([{ ...carried, unheardRestarts: 0, specRevision: 1 }]);
    await leases.countRestart([runner.id, newId()]);
    expect(await leases.carryOver()).toMatchObject([{ ...carried, unheardRestarts: 1 }]);
    await leases.saveLastSeen([
      { runnerId: runner.id, lastSeenMs: someTime + 50 },
      { runnerId: newId(), lastSeenMs: someTime },
    ]);
    expect(await leases.carryOver()).toMatchObject([{ unheardRestarts: 0, lastSeenMs: someTime + 50 }]);
  });

  test("how long leases may be is kept by provider", async () => {
    await using at = await setting(open);
    const { leases } = at.store;
    expect(await leases.longestLeases()).toEqual([]);
    const [first, second] = [
      { provider: RunnerProvider.AWS_EC2, leaseMs: 45_000 },
      { provider: RunnerProvider.GCP, leaseMs: 165_000 },
    ];
    await leases.saveLongestLeases([first, { ...second, leaseMs: 1 }]);
    await leases.saveLongestLeases([second]);
    expect(await leases.longestLeases()).toEqual([first, second]);
  });

  test("offline runners are counted by provider and by how they went, page by page", async () => {
    await using at = await setting(open);
    const { leases } = at.store;
    const [, live, lapsed, gone] = await Promise.all(Array.from({ length: 4 }, () => withRunner(at)));
    const gcp = runnerOf(at.otherOrg, { provider: RunnerProvider.GCP });
    await at.store.runners.create(creating(gcp), gcp, exchangeTokenOf());
    if (!live || !lapsed || !gone) throw new Error("four runners");
    await leases.record(live.live);
    await leases.record({ ...lapsed.live, state: LeaseState.LAPSED, sinceMs: someTime + 100 });
    await leases.record({ ...gone.live, state: LeaseState.SIGNED_OFF, sinceMs: someTime + 10 });
    const aws = RunnerProvider.AWS_EC2;
    for (const limit of [1, 2, 100]) {
      const found = new Map<string, number[]>();
      for (let after: string | null = null; ; ) {
        const { counts, next } = await leases.countOffline(someTime + 50, { after, limit });
        for (const { provider, state, runners, stale } of counts) {
          const [sum = 0, old = 0] = found.get(`${provider} ${state}`) ?? [];
          found.set(`${provider} ${state}`, [sum + runners, old + stale]);
        }
        if (next === null) break;
        after = next;
      }
      // The runners that stand for local configurations are none, and the live one is not offline.
      expect(Object.fromEntries(found)).toEqual({
        [`${aws} ${LeaseState.NONE}`]: [1, 1],
        [`${aws} ${LeaseState.LAPSED}`]: [1, 0],
        [`${aws} ${LeaseState.SIGNED_OFF}`]: [1, 1],
        [`${RunnerProvider.GCP} ${LeaseState.NONE}`]: [1, 1],
      });
    }
  });

  test("offline runners are those without a live lease, since their creation or its end", async () => {
    await using at = await setting(open);
    const { leases } = at.store;
    const never = await withRunner(at);
    const live = await withRunner(at);
    const lapsed = await withRunner(at);
    await leases.record(live.live);
    await leases.record({ ...lapsed.live, state: LeaseState.LAPSED, sinceMs: someTime + 100 });
    const offline = async (before: number) =>
      (await leases.offlineSince(before, { limit: 10, after: null })).map(({ id }) => id);
    expect(await offline(someTime)).toEqual([]);
    expect(await offline(someTime + 1)).toEqual([never.runner.id]);
    expect(await offline(someTime + 101)).toEqual([never.runner.id, lapsed.runner.id]);
  });
}
