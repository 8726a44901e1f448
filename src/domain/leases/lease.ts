import type { RunnerPhase, RunnerProvider } from "../runners/enums.ts";
import type { DeadlineItem } from "./deadlines.ts";
import { offsetBits } from "./jitter.ts";

/** Where a runner stands with its lease. */
export const LeaseState = {
  /** No lease since the server knows of the runner. */
  NONE: 0,
  LIVE: 1,
  /** Not renewed in time. The same generation may come back. */
  LAPSED: 2,
  /** The runner signed off. The generation is over. */
  SIGNED_OFF: 3,
  /** Ended by the server: credentials revoked. The generation is over. */
  REVOKED: 4,
} as const;
export type LeaseState = (typeof LeaseState)[keyof typeof LeaseState];

/** What a runner may say of itself: ACTIVE, DEGRADED, or DELETING for "winding down". */
export type ReportedPhase =
  | typeof RunnerPhase.ACTIVE
  | typeof RunnerPhase.DEGRADED
  | typeof RunnerPhase.DELETING;

/** What the store knows of a runner that the engine needs. */
export interface LeaseFacts {
  readonly runnerId: string;
  readonly provider: RunnerProvider;
  /** Newest generation, 0 when the runner has never renewed. */
  readonly generation: number;
  /** The state as it was last stored. */
  readonly state: LeaseState;
  readonly phase: ReportedPhase;
  readonly appliedSpecRevision: number;
  /** Wall-clock ms of the last stored change of state or phase; 0: never. */
  readonly sinceMs: number;
  /** Wall-clock ms when the runner was last heard, as roughly as the store knows; 0: never. */
  readonly lastSeenMs: number;
  /** How many restarts in a row carried the lease over without hearing of the runner. Left out: 0. */
  readonly unheardRestarts?: number;
}

/** When a runner was heard, in wall-clock milliseconds. */
export interface LastSeen {
  readonly runnerId: string;
  readonly lastSeenMs: number;
}

/** A runner in memory. Fields of one hidden class: there may be 130,000 of these. Only the engine changes it. */
export class Lease implements DeadlineItem {
  readonly runnerId: string;
  readonly provider: RunnerProvider;
  /** The runner's place in the window (jitter.ts). */
  readonly place: number;
  /** Monotonic ms. */
  deadline = 0;
  heapIndex = -1;
  slot = -1;
  state: LeaseState;
  generation: number;
  phase: ReportedPhase;
  appliedSpecRevision: number;
  /** Digest of the last status report; 0: none. */
  digest = 0;
  /** Counts changes that the store must learn of. */
  version = 0;
  /** The version that the store has confirmed. */
  storedVersion = 0;
  /** How many stalls have put off the deadline since the last renewal. */
  postponed = 0;
  /** Heard since last seen was last handed to the store. */
  unsavedSeen = false;
  sinceMs: number;
  lastSeenMs: number;

  constructor(facts: LeaseFacts) {
    this.runnerId = facts.runnerId;
    this.provider = facts.provider;
    this.place = offsetBits(facts.runnerId);
    this.state = facts.state;
    this.generation = facts.generation;
    this.phase = facts.phase;
    this.appliedSpecRevision = facts.appliedSpecRevision;
    this.sinceMs = facts.sinceMs;
    this.lastSeenMs = facts.lastSeenMs;
  }
}
