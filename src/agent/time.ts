import { setTimeout as timer } from "node:timers/promises";
import { type Clock, longestTimerMs, systemClock } from "../lib/clock.ts";

/** A clock that can be slept on. Tests pass one that they move by hand. */
export interface Time extends Clock {
  /** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The time of the machine. */
export const systemTime: Time = {
  ...systemClock,
  async sleep(ms, signal) {
    try {
      await timer(Math.min(Math.max(ms, 0), longestTimerMs), undefined, { signal });
    } catch {
      // Aborted: the caller looks at the signal.
    }
  },
};
