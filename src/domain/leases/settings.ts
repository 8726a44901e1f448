import type { RunnerProvider } from "../runners/enums.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY_MS = 24 * HOUR;

/** How often a runner renews, and how long after a missed renewal it counts as gone. Milliseconds. */
export interface LeaseTiming {
  readonly intervalMs: number;
  readonly graceMs: number;
}

/** When the server lengthens the interval because it is busy. */
export interface StretchSettings {
  /** Longest interval, as a multiple of the normal one. 1 switches stretching off. */
  readonly cap: number;
  /** Event loop delay (p99, ms) that counts as fully loaded. */
  readonly loopDelayMs: number;
  /** Renewals a second that count as fully loaded; 0: not looked at. */
  readonly renewalsPerSecond: number;
  /** How many samples in a row must be above the load before the interval grows. */
  readonly raiseAfter: number;
  /** How many samples in a row must be well below it before the interval shrinks. */
  readonly lowerAfter: number;
}

/** When the server has not listened for a while itself, and how long it then listens before a lease lapses. */
export interface StallSettings {
  /** The engine is ticked at least this often; nextDueMs() never answers more. */
  readonly tickMs: number;
  /** A gap this long between two looks at the clock counts as a stall. */
  readonly thresholdMs: number;
  /** After a stall nothing lapses for this long. */
  readonly marginMs: number;
  /** How many stalls in a row may put off the same lease without a renewal in between. */
  readonly maxPostponements: number;
}

export interface RestartSettings {
  /** After a restart every live lease gets one full length, as long as it may have been granted, plus this. */
  readonly marginMs: number;
  /** A lease that this many restarts in a row have carried over unheard ends a length after its runner was heard. */
  readonly maxUnheard: number;
}

/** When many lapses at once are held to be the network's fault. */
export interface BrakeSettings {
  /** Trips when more than this share, in percent, of a provider's live runners lapse inside one window … */
  readonly percent: number;
  /** … of at least this many. */
  readonly minLive: number;
  /** An incident that no runner recovers from ends after this long. */
  readonly maxIncidentMs: number;
  /** Status events a second that one incident may cause, so that watchers are not drowned. */
  readonly eventsPerSecond: number;
}

export interface CleanupSettings {
  /** Offline for this long: listed as stale. */
  readonly staleAfterMs: number;
  /** Stale for this long: removed. null: never. */
  readonly removeAfterMs: number | null;
  /** No removal before the server has run for this long. */
  readonly minUptimeMs: number;
  /** No removal once wall clock and monotonic clock have drifted apart by more than this. */
  readonly clockMarginMs: number;
}

export interface LeaseSettings {
  readonly timing: LeaseTiming;
  /** Where a provider differs. Keys are numbers of `gitpod.v1.RunnerProvider`. */
  readonly perProvider: Readonly<Partial<Record<RunnerProvider, Partial<LeaseTiming>>>>;
  readonly stretch: StretchSettings;
  readonly stall: StallSettings;
  readonly restart: RestartSettings;
  readonly brake: BrakeSettings;
  readonly cleanup: CleanupSettings;
  /** Status events that one runner may cause in a minute; what comes beyond that is told as one event, later. */
  readonly statusEventsPerMinute: number;
  /** A runner asked to drain is deleted after this long without its word. */
  readonly windDownMs: number;
  /** A fresh runner whose token was never used gets a hint in its status after this long. */
  readonly unusedTokenHintMs: number;
}

/** How often it is stored when runners were heard last: what a start finds is older than that by so much at the most. */
export const saveSeenMs = 30 * SECOND;

export const defaultLeaseSettings: LeaseSettings = {
  timing: { intervalMs: 30 * SECOND, graceMs: 15 * SECOND },
  perProvider: {},
  stretch: { cap: 4, loopDelayMs: 250, renewalsPerSecond: 0, raiseAfter: 2, lowerAfter: 12 },
  stall: { tickMs: 1 * SECOND, thresholdMs: 3 * SECOND, marginMs: 10 * SECOND, maxPostponements: 3 },
  restart: { marginMs: 15 * SECOND, maxUnheard: 5 },
  brake: { percent: 30, minLive: 20, maxIncidentMs: 24 * HOUR, eventsPerSecond: 50 },
  cleanup: {
    staleAfterMs: 14 * DAY_MS,
    removeAfterMs: null,
    minUptimeMs: 1 * HOUR,
    clockMarginMs: 5 * MINUTE,
  },
  statusEventsPerMinute: 20,
  windDownMs: 60 * SECOND,
  unusedTokenHintMs: 10 * MINUTE,
};

/** The timing that holds for a provider's runners, before any stretch. */
export function timingFor(settings: LeaseSettings, provider: RunnerProvider): LeaseTiming {
  return { ...settings.timing, ...settings.perProvider[provider] };
}
