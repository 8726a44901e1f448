import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPacer } from "../../../src/domain/leases/pacer.ts";
import { RunnerProvider } from "../../../src/domain/runners/enums.ts";
import { Bench, id, SECOND } from "./fixture.ts";

const LEASE = 45 * SECOND;

/** Opens `total` runners, keeps all but the first `silent` renewing, and lets the silent ones lapse. */
function silence(total: number, silent: number): Bench {
  const bench = new Bench();
  for (let n = 0; n < total; n++) bench.open(n);
  bench.run(30 * SECOND);
  for (let n = silent; n < total; n++) bench.renew(n, 1);
  bench.run(15 * SECOND);
  return bench;
}

describe("the brake", () => {
  test("trips above 30 % of at least 20, exactly", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 80 }), fc.nat(80), (total, silent) => {
        const bench = silence(total, Math.min(silent, total));
        const lapsed = bench.transitions.filter((t) => t.kind === "lapsed");
        const trips = total >= 20 && Math.min(silent, total) * 10 > total * 3;
        expect(lapsed).toHaveLength(Math.min(silent, total));
        expect(bench.incidents.map((i) => i.kind)).toEqual(trips ? ["tripped"] : []);
        for (const t of lapsed) expect(t.kind === "lapsed" && t.incident !== null).toBe(trips);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    [20, 7, 1],
    [20, 6, 0],
    [19, 19, 0],
  ])("of %d live runners, %d silent ones make %d incidents", (total, silent, incidents) => {
    expect(silence(total, silent).incidents).toHaveLength(incidents);
  });

  test("counts lapses spread over the window, and names those that came before it tripped", () => {
    const bench = new Bench();
    for (let n = 0; n < 100; n++) {
      bench.open(n);
      if (n < 40) bench.run(500);
    }
    for (let t = 0; t < 5; t++) {
      bench.run(9 * SECOND);
      for (let n = 40; n < 100; n++) bench.renew(n, 1);
    }
    expect(bench.incidents).toHaveLength(1);
    expect(bench.incidents[0]?.runnerIds).toHaveLength(31);
    const lapsed = bench.transitions.filter((t) => t.kind === "lapsed");
    expect(lapsed.filter((t) => t.kind === "lapsed" && t.incident === null)).toHaveLength(30);
    expect(bench.engine.view(id(0))?.incident).not.toBeNull();
  });

  test("leaves lapses that trickle in slowly alone", () => {
    const bench = new Bench();
    for (let n = 0; n < 100; n++) bench.open(n);
    for (let gone = 0; gone < 60; gone++) {
      bench.run(4 * SECOND);
      for (let n = gone + 1; n < 100; n++) bench.renew(n, 1);
    }
    bench.run(LEASE - SECOND);
    expect(bench.transitions.filter((t) => t.kind === "lapsed").length).toBeGreaterThan(50);
    expect(bench.incidents).toEqual([]);
  });

  test("one provider's trouble is not another's", () => {
    const bench = new Bench();
    for (let n = 0; n < 30; n++) bench.open(n);
    for (let n = 30; n < 60; n++) bench.open(n, { provider: RunnerProvider.GCP });
    bench.run(30 * SECOND);
    for (let n = 0; n < 30; n++) bench.renew(n, 1);
    bench.run(15 * SECOND);
    expect(bench.incidents.map((i) => i.incident.provider)).toEqual([RunnerProvider.GCP]);
    expect(bench.engine.liveCount(RunnerProvider.GCP)).toBe(0);
    expect(bench.engine.liveCount(RunnerProvider.AWS_EC2)).toBe(30);
  });

  test("runners that sign off do not count", () => {
    const bench = new Bench();
    for (let n = 0; n < 40; n++) bench.open(n);
    for (let n = 0; n < 30; n++) bench.engine.signOff(id(n), 1);
    bench.run(120 * SECOND);
    // The ten that are left are fewer than 20.
    expect(bench.incidents).toEqual([]);
  });

  test("an incident ends when enough runners are back, and those are its runners no more", () => {
    const bench = silence(40, 40);
    expect(bench.engine.view(id(3))?.incident?.base).toBe(40);
    for (let n = 0; n < 27; n++) bench.renew(n, 1);
    bench.engine.tick();
    expect(bench.incidents).toHaveLength(1);
    bench.renew(27, 1);
    bench.engine.tick();
    expect(bench.incidents.at(-1)).toMatchObject({ kind: "ended", why: "recovered" });
    expect(bench.engine.view(id(39))?.incident).toBeNull();
  });

  test("an incident that nobody recovers from ends by age, or when an operator says so", () => {
    const aged = silence(40, 40);
    aged.run(24 * 3_600_000);
    expect(aged.incidents.at(-1)).toMatchObject({ kind: "ended", why: "expired" });
    const told = silence(40, 40);
    expect(told.engine.acknowledgeIncident(RunnerProvider.AWS_EC2)).toBe(true);
    expect(told.engine.acknowledgeIncident(RunnerProvider.AWS_EC2)).toBe(false);
    expect(told.incidents.at(-1)).toMatchObject({ kind: "ended", why: "acknowledged" });
  });

  test("a mass lapse completes no deletion before the wind-down's own time is up", () => {
    const bench = new Bench();
    for (let n = 0; n < 40; n++) bench.open(n);
    bench.engine.windDown(id(0));
    bench.run(LEASE);
    expect(bench.kinds(0)).toEqual(["opened", "lapsed"]);
    bench.run(15 * SECOND);
    expect(bench.transitions.at(-1)).toMatchObject({ kind: "wind_down_over", why: "timeout" });
  });
});

describe("the pacer", () => {
  test("lets no more events out than its rate, each runner once, none lost", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.uniqueArray(fc.nat(500), { maxLength: 300 }),
        (rate, ids) => {
          const pacer = createPacer(rate);
          for (const n of ids.concat(ids)) pacer.offer(id(n));
          const out: string[] = [];
          let now = 1_000;
          for (let wait = pacer.nextMs(now); wait !== null; wait = pacer.nextMs(now)) {
            now += wait;
            out.push(...pacer.take(now));
            expect(out.length).toBeLessThanOrEqual(rate + ((now - 1_000) / SECOND) * rate + 1e-6);
          }
          expect(out).toEqual(ids.map(id));
        },
      ),
    );
  });
});
