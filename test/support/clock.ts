import type { Clock } from "../../src/lib/clock.ts";

/** A clock that stands still until a test moves it. */
export interface TestClock extends Clock {
  /** Lets time pass: both readings go on by `ms`. */
  advance(ms: number): void;
  /** Sets the wall clock off by `ms`, as NTP or an operator would; the monotonic reading stays. */
  step(ms: number): void;
}

/** @param start wall-clock milliseconds since the Unix epoch. */
export function testClock(start = Date.UTC(2026, 0, 15, 12)): TestClock {
  let wall = start;
  let monotonic = 1000;
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(ms) {
      wall += ms;
      monotonic += ms;
    },
    step(ms) {
      wall += ms;
    },
  };
}
