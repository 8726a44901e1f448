import type { BackoffBounds } from "./backoff.ts";

/** How an agent spends time that the server does not rule: docs/agent-protocol.md, all in milliseconds. */
export interface AgentTiming {
  /** How long a call may take: the first try, the second in a row, and so on; the last one is for all further. */
  readonly callMs: readonly [number, ...number[]];
  /** Between tries of a call that failed: renewal, exchange, watch, sign-off. */
  readonly retry: BackoffBounds;
  /** Before the stream is tried again on a server that does not have it. */
  readonly watchAbsentMs: number;
  /** A generation that the server does not know is reopened at once this often within a minute; then as a retry. */
  readonly reopensAMinute: number;
  /** Between tries to apply the same spec. */
  readonly specRetry: BackoffBounds;
  /** A stream that brings nothing for this long is dead: three keep-alives of 20 seconds are missing. */
  readonly watchSilenceMs: number;
  /** A stream that lived this long has proven that it works. */
  readonly watchProvenMs: number;
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
  callMs: [5 * SECOND, 10 * SECOND, 20 * SECOND],
  retry: { baseMs: 1 * SECOND, capMs: 15 * SECOND },
  watchAbsentMs: 600 * SECOND,
  reopensAMinute: 3,
  specRetry: { baseMs: 5 * SECOND, capMs: 300 * SECOND },
  watchSilenceMs: 60 * SECOND,
  watchProvenMs: 15 * SECOND,
  newsGapMs: 1 * SECOND,
  lookMs: 5 * SECOND,
  sleptMs: 5 * SECOND,
  stopMs: 5 * SECOND,
};

/** @param failures how many tries in a row have failed before this one */
export function callTimeout({ callMs }: AgentTiming, failures: number): number {
  return callMs[Math.min(failures, callMs.length - 1)] ?? callMs[0];
}
