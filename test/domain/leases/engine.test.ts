import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LeaseState } from "../../../src/domain/leases/lease.ts";
import { defaultLeaseSettings } from "../../../src/domain/leases/settings.ts";
import { RunnerPhase, RunnerProvider } from "../../../src/domain/runners/enums.ts";
import { Bench, facts, id, SECOND, WALL_START } from "./fixture.ts";

const LEASE = 45 * SECOND;

describe("a lease", () => {
  test("lapses in the first tick at or after its deadline, never before", () => {
    const steps = fc.array(fc.integer({ min: 1, max: 2_900 }), { minLength: 60, maxLength: 80 });
    fc.assert(
      fc.property(steps, (gaps) => {
        const bench = new Bench();
        const deadline = bench.clock.monotonic() + bench.open(1).leaseMs;
        for (const gap of gaps) {
          bench.clock.pass(gap);
          bench.engine.tick();
          const dead = bench.transitions.some((t) => t.kind === "lapsed");
          expect(dead).toBe(bench.clock.monotonic() >= deadline);
        }
      }),
    );
  });

  test("lapses within a millisecond of its deadline when ticked as asked", () => {
    const bench = new Bench();
    bench.open(1);
    bench.run(LEASE - 1);
    expect(bench.live(1)).toBe(true);
    bench.run(1);
    expect(bench.live(1)).toBe(false);
    expect(bench.kinds(1)).toEqual(["opened", "lapsed"]);
    expect(bench.engine.view(id(1))?.sinceMs).toBe(WALL_START + LEASE);
    expect(bench.transitions[1]).toMatchObject({
      atMs: WALL_START + LEASE,
      lastSeenMs: WALL_START,
      incident: null,
    });
  });

  test("goes on when the runner is heard after the deadline, but before a tick has found it", () => {
    const bench = new Bench();
    bench.open(1);
    bench.run(LEASE - 100);
    bench.clock.pass(200);
    bench.renew(1, 1);
    bench.engine.tick();
    expect(bench.kinds(1)).toEqual(["opened"]);
  });

  test("opened without a status blanks what was reported, so that the same report is news again", () => {
    const bench = new Bench();
    bench.open(1);
    const report = (generation: number, digest?: number) => {
      const answer = bench.engine.renew(id(1), { generation, appliedSpecRevision: 0, digest });
      if (!answer.ok) throw new Error(answer.reason);
      if (answer.durable !== null) bench.engine.confirm(id(1), answer.durable.version);
      return answer.durable;
    };
    report(1, 77);
    expect(report(1, 77)).toBeNull();
    report(0);
    expect(report(2, 77)).not.toBeNull();
    expect(report(2, 77)).toBeNull();
  });

  test("is never shown live after its deadline, even before a tick has found it", () => {
    const bench = new Bench();
    bench.open(1);
    bench.run(LEASE - 100);
    bench.clock.pass(100);
    expect(bench.engine.view(id(1))?.state).toBe(LeaseState.LAPSED);
    expect(bench.engine.liveCount()).toBe(0);
  });

  test("never lapses while the runner renews when told to", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.array(fc.nat(14_900), { minLength: 5, maxLength: 20 }),
        (n, latencies) => {
          const bench = new Bench();
          let wait = bench.open(n).renewAfterMs;
          for (const latency of latencies) {
            bench.run(wait + latency);
            wait = bench.renew(n, 1).renewAfterMs;
          }
          expect(bench.kinds(n)).toEqual(["opened"]);
        },
      ),
    );
  });

  test("does not care about steps of the wall clock", () => {
    for (const step of [3_600_000, -3_600_000]) {
      const bench = new Bench();
      bench.open(1);
      bench.run(20 * SECOND);
      bench.clock.stepWall(step);
      bench.run(25 * SECOND - 1);
      expect(bench.live(1)).toBe(true);
      bench.run(1);
      expect(bench.live(1)).toBe(false);
    }
  });

  test("is as long as its provider's setting says", () => {
    const perProvider = { [RunnerProvider.DEV_AGENT]: { intervalMs: 10 * SECOND } };
    const bench = new Bench({ ...defaultLeaseSettings, perProvider });
    expect(bench.open(1, { provider: RunnerProvider.DEV_AGENT }).leaseMs).toBe(25 * SECOND);
    expect(bench.open(2).leaseMs).toBe(LEASE);
  });

  test("comes back with the same generation after hours of silence", () => {
    const bench = new Bench();
    bench.open(1);
    bench.run(8 * 3_600_000);
    bench.renew(1, 1);
    expect(bench.kinds(1)).toEqual(["opened", "lapsed", "returned"]);
    expect(bench.live(1)).toBe(true);
  });

  test("asks to be ticked no later than the next thing is due", () => {
    const bench = new Bench();
    bench.open(1);
    expect(bench.engine.nextDueMs()).toBe(1_000);
    bench.run(LEASE - 300);
    expect(bench.engine.nextDueMs()).toBe(300);
  });
});

describe("what must be durable", () => {
  test("a renewal without news writes nothing once the last change is confirmed", () => {
    const bench = new Bench();
    const opened = bench.open(1);
    expect(opened.durable).toMatchObject({
      generation: 1,
      state: LeaseState.LIVE,
      phase: RunnerPhase.ACTIVE,
    });
    expect(bench.renew(1, 1).durable).toEqual(opened.durable);
    bench.engine.confirm(id(1), opened.durable?.version ?? 0);
    expect(bench.renew(1, 1).durable).toBeNull();
  });

  test("a change of phase, applied revision or report is durable, the same again is not", () => {
    const bench = new Bench();
    const opened = bench.open(1);
    bench.engine.confirm(id(1), opened.durable?.version ?? 0);
    const changes = [
      { appliedSpecRevision: 0, phase: RunnerPhase.DEGRADED },
      { appliedSpecRevision: 7 },
      { appliedSpecRevision: 7, digest: 11 },
      { appliedSpecRevision: 7, digest: 12 },
      { appliedSpecRevision: 7, digest: 11 },
    ];
    for (const change of changes) {
      const first = bench.engine.renew(id(1), { generation: 1, ...change });
      if (!first.ok || first.durable === null) throw new Error("expected a durable change");
      bench.engine.confirm(id(1), first.durable.version);
      expect(bench.engine.renew(id(1), { generation: 1, ...change })).toMatchObject({
        ok: true,
        durable: null,
      });
    }
    expect(bench.kinds(1)).toEqual(["opened", "phase"]);
  });

  test("a confirmation that comes late does not hide a newer change", () => {
    const bench = new Bench();
    const opened = bench.open(1);
    bench.engine.renew(id(1), { generation: 1, appliedSpecRevision: 3 });
    bench.engine.confirm(id(1), opened.durable?.version ?? 0);
    const again = bench.engine.renew(id(1), { generation: 1, appliedSpecRevision: 3 });
    expect(again).toMatchObject({ durable: { appliedSpecRevision: 3 } });
  });
});

describe("leaving", () => {
  test("sign-off ends the lease at once, may be repeated, and a late renewal does not undo it", () => {
    const bench = new Bench();
    bench.open(1);
    expect(bench.engine.signOff(id(1), 1)).toMatchObject({
      ok: true,
      durable: { state: LeaseState.SIGNED_OFF },
    });
    expect(bench.live(1)).toBe(false);
    expect(bench.engine.signOff(id(1), 1).ok).toBe(true);
    const late = bench.engine.renew(id(1), { generation: 1, appliedSpecRevision: 0 });
    expect(late).toEqual({ ok: false, reason: "GENERATION_ENDED" });
    bench.run(120 * SECOND);
    expect(bench.kinds(1)).toEqual(["opened", "signed_off"]);
    expect(bench.renew(1, 0).generation).toBe(2);
  });

  test("a revoked runner is gone at once and needs a new generation", () => {
    const bench = new Bench();
    bench.open(1);
    expect(bench.engine.revoke(id(1))).toMatchObject({ state: LeaseState.REVOKED });
    expect(bench.engine.check(id(1), 1)).toBe("GENERATION_ENDED");
    expect(bench.engine.revoke(id(1))).toBeNull();
    expect(bench.kinds(1)).toEqual(["opened", "revoked"]);
  });

  test("a forgotten runner leaves nothing behind", () => {
    const bench = new Bench();
    bench.open(1);
    bench.engine.windDown(id(1));
    bench.engine.forget(id(1));
    bench.run(120 * SECOND);
    expect(bench.kinds(1)).toEqual(["opened"]);
    expect(bench.engine.view(id(1))).toBeNull();
    expect(bench.engine.liveCount()).toBe(0);
  });
});

describe("generations", () => {
  test("each start gets the next one, older ones are fenced off, unknown ones told so", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 2_000 }),
        (last, opens, claimed) => {
          const bench = new Bench();
          bench.engine.admit(facts(1, { generation: last, state: LeaseState.LAPSED }));
          for (let i = 1; i <= opens; i++) expect(bench.renew(1, 0).generation).toBe(last + i);
          const newest = last + opens;
          const answer = bench.engine.renew(id(1), { generation: claimed, appliedSpecRevision: 0 });
          if (claimed < newest) expect(answer).toEqual({ ok: false, reason: "SUPERSEDED" });
          else if (claimed > newest) expect(answer).toEqual({ ok: false, reason: "GENERATION_UNKNOWN" });
          else expect(answer.ok).toBe(true);
        },
      ),
    );
  });

  test("a refused twin neither renews, nor signs off, nor changes anything", () => {
    const bench = new Bench();
    bench.open(1);
    bench.renew(1, 0);
    const before = bench.engine.view(id(1));
    const twin = { generation: 1, appliedSpecRevision: 9, phase: RunnerPhase.DEGRADED };
    expect(bench.engine.renew(id(1), twin).ok).toBe(false);
    expect(bench.engine.signOff(id(1), 1)).toEqual({ ok: false, reason: "SUPERSEDED" });
    expect(bench.engine.check(id(1), 1)).toBe("SUPERSEDED");
    expect(bench.engine.view(id(1))).toEqual(before);
  });

  test("generation 0 is no generation to act with", () => {
    const bench = new Bench();
    bench.engine.admit(facts(1));
    expect(bench.engine.signOff(id(1), 0)).toEqual({ ok: false, reason: "GENERATION_UNKNOWN" });
    expect(bench.engine.check(id(1), 0)).toBe("GENERATION_UNKNOWN");
  });
});

describe("winding down", () => {
  test.each([
    ["the runner says so", (bench: Bench) => void bench.engine.signOff(id(1), 1), "signed_off", 0],
    ["its lease lapses", (bench: Bench) => bench.run(LEASE), "lapsed", LEASE],
  ])("is over when %s", (_, act, why, afterMs) => {
    const bench = new Bench();
    bench.open(1);
    expect(bench.engine.windDown(id(1))).toBe(true);
    act(bench);
    bench.run(100 * SECOND);
    const overs = bench.transitions.filter((t) => t.kind === "wind_down_over");
    expect(overs).toEqual([expect.objectContaining({ why, atMs: WALL_START + afterMs })]);
  });

  test("is over after 60 s at the latest, while the runner is told how long it has", () => {
    const bench = new Bench();
    bench.open(1);
    bench.engine.windDown(id(1));
    bench.run(30 * SECOND);
    expect(bench.renew(1, 1).windDownMs).toBe(30 * SECOND);
    bench.run(30 * SECOND - 1);
    expect(bench.kinds(1)).not.toContain("wind_down_over");
    bench.run(1);
    expect(bench.transitions.at(-1)).toMatchObject({ kind: "wind_down_over", why: "timeout" });
  });

  test("asked twice, the first end holds; a runner that is not live is not asked", () => {
    const bench = new Bench();
    bench.open(1);
    bench.engine.windDown(id(1));
    bench.run(10 * SECOND);
    bench.engine.windDown(id(1));
    expect(bench.engine.view(id(1))?.windDownMs).toBe(50 * SECOND);
    bench.engine.admit(facts(2));
    expect(bench.engine.windDown(id(2))).toBe(false);
  });
});
