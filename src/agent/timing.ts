import type { BackoffBounds } from "./backoff.ts";

/** How an agent spends time that the server does not rule. All in milliseconds. */
export interface AgentTiming {
  /** A call without an answer for this long has failed. */
  readonly callMs: number;
  /** Between tries of a renewal or an exchange that failed. */
  readonly retry: BackoffBounds;
  /** Between tries to open the stream. */
  readonly watchRetry: BackoffBounds;
  /** Between tries to apply the same spec. */
  readonly specRetry: BackoffBounds;
  /** A stream that brings nothing for this long is dead: three keep-alives of 20 seconds are missing. */
  readonly watchSilenceMs: number;
  /** News that cannot wait for the next renewal still keep this far from the last one. */
  readonly newsGapMs: number;
  /** While it waits, the agent compares its two clocks this often. */
  readonly lookMs: number;
  /** When a clock went this much further than was waited, the machine has slept. */
  readonly sleptMs: number;
  /** How long a stop waits for running calls, and then for the sign-off. */
  readonly stopMs: number;
}

const SECOND = 1_000;

export const defaultTiming: AgentTiming = {
  callMs: 10 * SECOND,
  retry: { floorMs: 100, baseMs: 1 * SECOND, capMs: 30 * SECOND },
  watchRetry: { floorMs: 1 * SECOND, baseMs: 2 * SECOND, capMs: 60 * SECOND },
  specRetry: { floorMs: 1 * SECOND, baseMs: 5 * SECOND, capMs: 300 * SECOND },
  watchSilenceMs: 60 * SECOND,
  newsGapMs: 1 * SECOND,
  lookMs: 5 * SECOND,
  sleptMs: 10 * SECOND,
  stopMs: 5 * SECOND,
};
