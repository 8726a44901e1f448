import fc from "fast-check";
import { expect, test } from "vitest";
import { Recent } from "../../src/lib/recent.ts";

const keys = fc.constantFrom("a", "b", "c", "d", "e", "f");
const steps = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), key: keys }),
  fc.record({ kind: fc.constant("delete" as const), key: keys }),
  fc.record({ kind: fc.constant("clear" as const), key: keys }),
);

test("gives what was set last and not taken away, and surely the newest ones, however many there were", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(steps, { maxLength: 40 }), (capacity, taken) => {
      const recent = new Recent<number>(capacity);
      const model = new Map<string, number>();
      taken.forEach(({ kind, key }, step) => {
        if (kind === "set") {
          recent.set(key, step);
          model.delete(key);
          model.set(key, step);
        } else if (kind === "delete") {
          recent.delete(key);
          model.delete(key);
        } else {
          recent.clear();
          model.clear();
        }
        for (const one of ["a", "b", "c", "d", "e", "f"]) {
          expect([undefined, model.get(one)]).toContain(recent.get(one));
        }
        // The last to be set are always there: the young generation has room for one at least.
        const newest = [...model].at(-1);
        if (newest !== undefined && kind === "set") expect(recent.get(newest[0])).toBe(newest[1]);
      });
    }),
  );
});

test("keeps at most two generations", () => {
  const recent = new Recent<number>(3);
  for (let i = 0; i < 100; i++) recent.set(String(i), i);
  const kept = Array.from({ length: 100 }, (_, i) => recent.get(String(i))).filter((v) => v !== undefined);
  expect(kept.length).toBeLessThanOrEqual(6);
  expect(kept.length).toBeGreaterThanOrEqual(3);
});
