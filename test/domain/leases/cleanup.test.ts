import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clockDriftMs, planCleanup } from "../../../src/domain/leases/cleanup.ts";
import { DAY_MS, defaultLeaseSettings } from "../../../src/domain/leases/settings.ts";
import { HandClock, id } from "./fixture.ts";

const NOW = Date.UTC(2026, 10, 23);
const off = defaultLeaseSettings.cleanup;
const on = { ...off, removeAfterMs: 7 * DAY_MS };
const calm = { nowMs: NOW, uptimeMs: DAY_MS, clockDriftMs: 0 };
const runner = (n: number, days: number, over = {}) => ({
  runnerId: id(n),
  offlineSinceMs: NOW - days * DAY_MS,
  unreachable: false,
  paused: false,
  ...over,
});

describe("clean-up", () => {
  test("lists what is stale with its countdown, and removes nothing unless told to", () => {
    const plan = planCleanup([runner(1, 13.9), runner(2, 14), runner(3, 4_000)], off, calm);
    expect(plan.stale.map((s) => s.runnerId)).toEqual([id(3), id(2)]);
    expect(plan.stale.every((s) => s.removeAtMs === null && s.removeInMs === null)).toBe(true);
    expect(plan.remove).toEqual([]);
  });

  test("removes a runner exactly when its countdown has run out", () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 5 }), (ms) => {
        const due = { ...runner(1, 21), offlineSinceMs: NOW - 21 * DAY_MS + ms };
        const plan = planCleanup([due], on, calm);
        expect(plan.stale[0]?.removeInMs).toBe(Math.max(0, ms));
        expect(plan.remove).toEqual(ms <= 0 ? [id(1)] : []);
      }),
    );
  });

  test.each([
    ["unreachable", { unreachable: true }, {}],
    ["paused", { paused: true }, {}],
    ["clock_stepped", {}, { clockDriftMs: -3_600_000 }],
    ["clock_stepped", {}, { clockDriftMs: 3_600_000 }],
    ["server_just_started", {}, { uptimeMs: 60_000 }],
  ])("holds a runner back: %s", (held, over, conditions) => {
    const plan = planCleanup([runner(1, 100, over)], on, { ...calm, ...conditions });
    expect(plan.remove).toEqual([]);
    expect(plan.stale).toEqual([expect.objectContaining({ runnerId: id(1), held, removeInMs: 0 })]);
  });

  test("a step of the wall clock is told from time passing", () => {
    const clock = new HandClock();
    const start = { wallMs: clock.now(), monotonicMs: clock.monotonic() };
    clock.pass(100 * DAY_MS);
    expect(clockDriftMs(start, clock)).toBe(0);
    clock.stepWall(-7_200_000);
    expect(clockDriftMs(start, clock)).toBe(-7_200_000);
  });
});
