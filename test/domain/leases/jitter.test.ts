import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeadlineHeap, type HeapItem } from "../../../src/domain/leases/deadlines.ts";
import { offsetBits, offsetMs, renewAfterMs } from "../../../src/domain/leases/jitter.ts";
import { uuidv7Source } from "../../../src/lib/ids.ts";
import { Bench, HandClock, id, SECOND } from "./fixture.ts";

const WINDOW = 30 * SECOND;

function gapToPlace(bits: number, window: number, at: number): number {
  const off = (at - offsetMs(bits, window)) % window;
  return Math.min(Math.abs(off), window - Math.abs(off));
}

describe("a runner's place in the window", () => {
  test("is inside the window, and the same after a restart", () => {
    fc.assert(
      fc.property(fc.uuid(), (runner) => {
        const place = offsetMs(offsetBits(runner), WINDOW);
        expect(place).toBeGreaterThanOrEqual(0);
        expect(place).toBeLessThan(WINDOW);
      }),
    );
    // Pinned: another place for the same runner would shuffle every fleet at the next upgrade.
    expect(offsetBits("01890a5d-ac96-774b-bcce-b302099a8057")).toBe(798473840);
  });

  test("spreads ids made in the same millisecond evenly", () => {
    const next = uuidv7Source(new HandClock());
    const seconds = new Array<number>(30).fill(0);
    for (let i = 0; i < 30_000; i++) {
      const second = Math.floor(offsetMs(offsetBits(next()), WINDOW) / SECOND);
      seconds[second] = (seconds[second] ?? 0) + 1;
    }
    // 1,000 a second expected, standard deviation 31.
    expect(Math.min(...seconds)).toBeGreaterThan(840);
    expect(Math.max(...seconds)).toBeLessThan(1_160);
  });

  test("is reached after two renewals at most, and then kept", () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 30 - 1),
        fc.nat(10 ** 8),
        fc.integer({ min: 1_000, max: 3_600_000 }),
        (bits, start, window) => {
          let now = start;
          for (let i = 0; i < 6; i++) {
            const wait = renewAfterMs(bits, window, now);
            expect(wait).toBeGreaterThanOrEqual(window / 2);
            expect(wait).toBeLessThanOrEqual(window);
            now += wait;
            if (i >= 1) expect(gapToPlace(bits, window, now)).toBeLessThanOrEqual(window * 0.001 + 0.01);
          }
        },
      ),
    );
  });

  test("stays reached with latency on every renewal", () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 30 - 1),
        fc.array(fc.nat(2_000), { minLength: 10, maxLength: 30 }),
        (bits, latencies) => {
          let now = 123;
          const gaps = latencies.map((latency) => {
            now += renewAfterMs(bits, WINDOW, now) + latency;
            return gapToPlace(bits, WINDOW, now);
          });
          expect(Math.max(...gaps.slice(2))).toBeLessThanOrEqual(2_000.01);
        },
      ),
    );
  });

  test("10,000 runners that connect in the same second are spread over the window two renewals later", () => {
    const bench = new Bench();
    const due = new DeadlineHeap<HeapItem & { n: number }>();
    const start = bench.clock.monotonic();
    for (let n = 0; n < 10_000; n++) {
      due.set({ n, deadline: 0, heapIndex: -1 }, start + bench.open(n).renewAfterMs);
    }
    const perSecond = new Array<number>(120).fill(0);
    for (;;) {
      const next = due.peek();
      if (next === undefined || next.deadline >= start + 120 * SECOND) break;
      bench.clock.pass(next.deadline - bench.clock.monotonic());
      const second = Math.floor((next.deadline - start) / SECOND);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
      due.set(next, bench.clock.monotonic() + bench.renew(next.n, 1).renewAfterMs);
    }
    // At first up to three times the average: those far from their place take two shorter steps to it.
    expect(Math.max(...perSecond.slice(1))).toBeLessThan(1_150);
    // Then 333 a second, standard deviation 18.
    expect(Math.max(...perSecond.slice(60))).toBeLessThan(430);
    expect(Math.min(...perSecond.slice(60))).toBeGreaterThan(240);
    expect(bench.transitions.some((t) => t.kind === "lapsed")).toBe(false);
    expect(bench.engine.view(id(1))?.generation).toBe(1);
  });
});
