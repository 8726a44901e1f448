import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LeaseState } from "../../../src/domain/leases/lease.ts";
import { defaultLeaseSettings, saveSeenMs } from "../../../src/domain/leases/settings.ts";
import { Bench, facts, id, liveFacts, SECOND } from "./fixture.ts";

const LEASE = 45 * SECOND;
const { stall, restart } = defaultLeaseSettings;

describe("a stall of the server", () => {
  test("lapses nobody whose renewal waits in the queue when it wakes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 600 }),
        fc.boolean(),
        fc.nat(9_000),
        (seconds, tickFirst, late) => {
          const bench = new Bench();
          for (let n = 0; n < 50; n++) bench.open(n);
          bench.run(29 * SECOND);
          bench.clock.pass(seconds * SECOND);
          if (tickFirst) bench.engine.tick();
          expect(bench.live(7)).toBe(true);
          for (let n = 0; n < 50; n++) {
            if (n === 25) bench.run(late);
            bench.renew(n, 1);
            bench.engine.tick();
          }
          expect(bench.transitions.filter((t) => t.kind === "lapsed")).toEqual([]);
          expect(bench.stalls).toEqual([seconds * SECOND]);
        },
      ),
    );
  });

  test("puts off the lapse of a dead runner by the margin and no more", () => {
    const bench = new Bench();
    bench.open(1);
    bench.run(30 * SECOND);
    bench.clock.pass(20 * SECOND);
    bench.engine.tick();
    bench.run(stall.marginMs - 1);
    expect(bench.live(1)).toBe(true);
    bench.run(1);
    expect(bench.live(1)).toBe(false);
  });

  test("over and over keeps nobody alive for ever", () => {
    const bench = new Bench();
    bench.open(1);
    bench.run(44 * SECOND);
    let awake = 0;
    // It wakes for two seconds, again and again: never out of the quiet time.
    for (let i = 0; i < 100 && bench.live(1); i++) {
      bench.clock.pass(8 * SECOND);
      bench.engine.tick();
      bench.run(2 * SECOND);
      awake += 2 * SECOND;
    }
    expect(bench.live(1)).toBe(false);
    expect(awake).toBeLessThanOrEqual(stall.maxPostponements * stall.marginMs);
  });

  test("again and again costs nobody the lease who renews in between", () => {
    const bench = new Bench();
    bench.open(1);
    for (let i = 0; i < 3 * stall.maxPostponements; i++) {
      bench.run(30 * SECOND);
      bench.clock.pass(60 * SECOND);
      bench.engine.tick();
      bench.run(5 * SECOND);
      bench.renew(1, 1);
    }
    expect(bench.kinds(1)).toEqual(["opened"]);
  });

  test("is not seen where the timer was merely a bit late", () => {
    const bench = new Bench();
    bench.open(1);
    for (let t = 0; t < LEASE; t += 2_500) {
      bench.clock.pass(2_500);
      bench.engine.tick();
    }
    expect(bench.stalls).toEqual([]);
    expect(bench.live(1)).toBe(false);
  });
});

describe("a restart of the server", () => {
  test("gives each live lease one full length and a margin, once", () => {
    const bench = new Bench();
    bench.engine.restore([liveFacts(1), liveFacts(2, { generation: 4 })]);
    bench.run(LEASE + restart.marginMs - 1);
    expect(bench.live(1)).toBe(true);
    bench.renew(2, 4);
    bench.engine.restore([liveFacts(1)]);
    bench.run(1);
    expect(bench.live(1)).toBe(false);
    expect(bench.live(2)).toBe(true);
    expect(bench.transitions.map((t) => [t.runnerId, t.kind])).toEqual([[id(1), "lapsed"]]);
  });

  test("keeps the promise of the run before: a lease that was longer then is carried over at that length", () => {
    const bench = new Bench();
    const { provider } = liveFacts(1);
    bench.engine.restore([liveFacts(1)], [{ provider, leaseMs: 4 * LEASE }]);
    bench.run(4 * LEASE + restart.marginMs - 1);
    expect(bench.live(1)).toBe(true);
    bench.run(1);
    expect(bench.live(1)).toBe(false);
  });

  test("needs no write for a runner that goes on as before", () => {
    const bench = new Bench();
    bench.engine.restore([liveFacts(1, { appliedSpecRevision: 0 })]);
    bench.run(20 * SECOND);
    expect(bench.renew(1, 1).durable).toBeNull();
  });

  test("in a crash loop carries a dead runner over a bounded number of times", () => {
    const bench = new Bench();
    bench.engine.restore([
      liveFacts(1, { unheardRestarts: restart.maxUnheard - 1 }),
      liveFacts(2, { unheardRestarts: restart.maxUnheard }),
      liveFacts(3, { unheardRestarts: restart.maxUnheard, lastSeenMs: bench.clock.now() - LEASE }),
      liveFacts(4, { unheardRestarts: restart.maxUnheard, lastSeenMs: 0 }),
    ]);
    bench.engine.tick();
    expect(bench.kinds(4)).toEqual(["lapsed"]);
    // What was granted is kept, counted from when the runner was heard, which is on disk a while later.
    bench.run(saveSeenMs - 1);
    expect([bench.kinds(2), bench.kinds(3)]).toEqual([[], []]);
    bench.run(1);
    expect([bench.kinds(2), bench.kinds(3)]).toEqual([[], ["lapsed"]]);
    bench.run(LEASE - saveSeenMs);
    expect(bench.kinds(2)).toEqual(["lapsed"]);
    expect(bench.live(1)).toBe(true);
  });

  test("a runner that the store calls live but that was not restored counts as lapsed", () => {
    const bench = new Bench();
    bench.engine.admit(facts(1, { state: LeaseState.LIVE, generation: 1 }));
    expect(bench.live(1)).toBe(false);
    bench.renew(1, 1);
    expect(bench.kinds(1)).toEqual(["returned"]);
  });
});

describe("overload", () => {
  test("stretches interval, lease and places, and says so", () => {
    const bench = new Bench();
    const busy = { loopDelayMs: 400, renewalsPerSecond: 0 };
    bench.open(1);
    expect(bench.engine.sampleLoad(busy)).toBeNull();
    expect(bench.engine.sampleLoad(busy)).toBe(1.5);
    const answer = bench.renew(1, 1);
    expect(answer).toMatchObject({ stretchPercent: 150, leaseMs: 60 * SECOND });
    expect(answer.renewAfterMs).toBeGreaterThanOrEqual(22.5 * SECOND);
    expect(answer.renewAfterMs).toBeLessThanOrEqual(45 * SECOND);
    bench.run(60 * SECOND - 1);
    expect(bench.live(1)).toBe(true);
    bench.run(1);
    expect(bench.live(1)).toBe(false);
  });
});
