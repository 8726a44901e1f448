import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultLeaseSettings } from "../../../src/domain/leases/settings.ts";
import { createStretch, loadShare } from "../../../src/domain/leases/stretch.ts";

const settings = { ...defaultLeaseSettings.stretch, renewalsPerSecond: 1_000 };
const load = (share: number) => ({ loopDelayMs: share * settings.loopDelayMs, renewalsPerSecond: 0 });

test("the factor stays between 1 and the cap, and only full or low load in a row moves it", () => {
  const shares = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { maxLength: 300 });
  fc.assert(
    fc.property(shares, fc.double({ min: 1, max: 10, noNaN: true }), (samples, cap) => {
      const stretch = createStretch({ ...settings, cap });
      samples.forEach((share, at) => {
        const before = stretch.factor();
        const changed = stretch.sample(load(share));
        const after = stretch.factor();
        expect(after).toBeGreaterThanOrEqual(1);
        expect(after).toBeLessThanOrEqual(cap);
        expect(changed).toBe(after === before ? null : after);
        const lastOnes = (n: number) => samples.slice(Math.max(0, at + 1 - n), at + 1);
        if (after > before) {
          expect(lastOnes(settings.raiseAfter).every((s) => loadShare(settings, load(s)) >= 1)).toBe(true);
        }
        if (after < before) {
          expect(lastOnes(settings.lowerAfter).every((s) => loadShare(settings, load(s)) < 0.6)).toBe(true);
        }
      });
    }),
  );
});

test("lasting overload reaches the cap, lasting calm the normal interval, half load changes nothing", () => {
  const stretch = createStretch(settings);
  for (let i = 0; i < 50; i++) stretch.sample(load(2));
  expect(stretch.factor()).toBe(4);
  for (let i = 0; i < 500; i++) stretch.sample(load(0.8));
  expect(stretch.factor()).toBe(4);
  for (let i = 0; i < 500; i++) stretch.sample(load(0.1));
  expect(stretch.factor()).toBe(1);
});

test("load that the stretching itself relieves does not make the interval swing", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_900 }), (unstretched) => {
      const stretch = createStretch(settings);
      let changes = 0;
      let falls = 0;
      for (let i = 0; i < 500; i++) {
        const before = stretch.factor();
        const changed = stretch.sample({ loopDelayMs: 0, renewalsPerSecond: unstretched / before });
        if (changed !== null) changes += 1;
        if (changed !== null && changed < before) falls += 1;
      }
      expect(falls).toBe(0);
      expect(changes).toBeLessThanOrEqual(4);
    }),
  );
});
