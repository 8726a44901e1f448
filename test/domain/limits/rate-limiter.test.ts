import fc from "fast-check";
import { expect, test } from "vitest";
import { RateLimiter } from "../../../src/domain/limits/rate-limiter.ts";

test("a pause earns a burst, then calls go at their rate", () => {
  const limiter = new RateLimiter({ perSecond: 10, burst: 3 });
  expect([1, 2, 3, 4].map(() => limiter.take("a", 5000))).toEqual([0, 0, 0, 100]);
  expect(limiter.take("a", 5099)).toBeCloseTo(1);
  expect([limiter.take("a", 5100), limiter.take("a", 5100)]).toEqual([0, 100]);
  expect(limiter.take("b", 5100)).toBe(0);
});

const rates = fc.record({
  perSecond: fc.integer({ min: 1, max: 1000 }),
  burst: fc.integer({ min: 1, max: 50 }),
});
/** Pauses between calls, in milliseconds: many at once, some long. */
const pauses = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })), { maxLength: 200 });

test("it admits what a token bucket admits, call by call", () => {
  fc.assert(
    fc.property(rates, pauses, ({ perSecond, burst }, gaps) => {
      const limiter = new RateLimiter({ perSecond, burst });
      let [now, tokens] = [1000, burst];
      for (const gap of gaps) {
        now += gap;
        tokens = Math.min(burst, tokens + (gap * perSecond) / 1000);
        const admitted = tokens >= 1 - 1e-6;
        if (admitted) tokens -= 1;
        expect(limiter.take("key", now) === 0).toBe(admitted);
      }
    }),
  );
});

test("who waits as long as it was told is admitted, and not a moment sooner", () => {
  fc.assert(
    fc.property(rates, pauses, (rate, gaps) => {
      const limiter = new RateLimiter(rate);
      let now = 1000;
      for (const gap of gaps) {
        now += gap;
        const wait = limiter.take("key", now);
        if (wait === 0) continue;
        if (wait > 0.1) expect(limiter.take("key", now + wait - 0.05)).toBeGreaterThan(0);
        now += wait;
        expect(limiter.take("key", now)).toBe(0);
      }
    }),
  );
});

test("keys do not touch each other, as long as they fit", () => {
  fc.assert(
    fc.property(rates, fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(500))), (rate, calls) => {
      const together = new RateLimiter(rate, 3);
      const alone = { a: new RateLimiter(rate), b: new RateLimiter(rate), c: new RateLimiter(rate) };
      let now = 0;
      for (const [key, gap] of calls) {
        now += gap;
        const own = alone[key as keyof typeof alone].take(key, now);
        expect(together.take(key, now)).toBe(own);
      }
    }),
  );
});

test("a flood of keys takes no more memory than two generations", () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 10 }, 100);
  for (let key = 0; key < 10_000; key += 1) {
    limiter.take(String(key), 0);
    expect(limiter.size).toBeLessThanOrEqual(200);
  }
});

test("keys that are paid up are forgotten with time, without a timer", () => {
  const limiter = new RateLimiter({ perSecond: 10, burst: 10 });
  for (let key = 0; key < 500; key += 1) limiter.take(String(key), 0);
  limiter.take("later", 1000);
  limiter.take("much later", 2000);
  expect(limiter.size).toBe(2);
});
