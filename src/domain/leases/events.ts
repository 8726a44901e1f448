import type { RunnerProvider } from "../runners/enums.ts";
import type { BrakeChange, Incident, IncidentCount } from "./brake.ts";
import type { LeaseState, ReportedPhase } from "./lease.ts";
import type { LiveCount } from "./live-counts.ts";
import type { RefusalReason } from "./refusal.ts";

/** Why a wind-down is over, and the runner may be deleted. */
export type WindDownEnd = "signed_off" | "revoked" | "lapsed" | "timeout";

/**
 * Something that happened to one runner and that others see: store it, then tell watchers (UPDATE_STATUS).
 * - `opened`: a new generation is live. `returned`: the same one is live again after a lapse.
 * - `phase`: a live runner changed its mind about itself. `lapsed`, `signed_off`, `revoked`: no longer live.
 * - `wind_down_over`: complete the deletion.
 */
export type LeaseTransition =
  | (TransitionBase & { readonly kind: "opened" | "returned" | "phase" | "signed_off" | "revoked" })
  | (TransitionBase & {
      readonly kind: "lapsed";
      readonly incident: Incident | null;
      /** How long after its deadline the lapse was found, in milliseconds. */
      readonly lateMs: number;
    })
  | (TransitionBase & { readonly kind: "wind_down_over"; readonly why: WindDownEnd });

interface TransitionBase {
  readonly runnerId: string;
  readonly provider: RunnerProvider;
  readonly generation: number;
  /** Grows with every change of this runner, within one process: a later write never loses to an earlier one. */
  readonly version: number;
  /** State and phase after the transition. */
  readonly state: LeaseState;
  readonly phase: ReportedPhase;
  /** Wall-clock ms. */
  readonly atMs: number;
  /** Wall-clock ms when the runner was last heard; 0: never. */
  readonly lastSeenMs: number;
}

/** An incident began or ended: log it once; the runners it names changed their derived status message. */
export interface IncidentChange extends BrakeChange {
  /** Wall-clock ms. */
  readonly atMs: number;
}

/**
 * Where the engine tells what happened, in the order in which it happened, at once, in the middle of its own
 * work: note it down and return, without calling the engine.
 */
export interface LeaseListener {
  transition(transition: LeaseTransition): void;
  incident(change: IncidentChange): void;
  /** The server had not looked at its leases for this many ms: for the log. */
  stalled(ms: number): void;
}

/** What one renewal says. */
export interface Renewal {
  /** 0 opens a new generation. */
  readonly generation: number;
  readonly appliedSpecRevision: number;
  /** Unset: unchanged, or ACTIVE when it opens a generation. */
  readonly phase?: ReportedPhase | undefined;
  /** Digest of the status report (digest.ts); 0 or unset when the renewal brought none. */
  readonly digest?: number | undefined;
}

/**
 * What must be durable before a renewal is acknowledged. Hand `version` back with confirm() once it is; until
 * then every renewal names it again, so a failed write is not forgotten.
 */
export interface DurableChange {
  readonly version: number;
  readonly state: LeaseState;
  readonly generation: number;
  readonly phase: ReportedPhase;
  readonly appliedSpecRevision: number;
  readonly sinceMs: number;
}

export interface RenewalGranted {
  readonly ok: true;
  readonly generation: number;
  readonly renewAfterMs: number;
  /** Counted from now. */
  readonly leaseMs: number;
  /** 0: the interval is not stretched; else in percent of the normal one. */
  readonly stretchPercent: number;
  /** Set while the runner is asked to drain: milliseconds left, at least 0. */
  readonly windDownMs: number | null;
  /** null: nothing to write. */
  readonly durable: DurableChange | null;
}

export interface SignOffGranted {
  readonly ok: true;
  /** null: nothing to write. */
  readonly durable: DurableChange | null;
}

export interface Refused {
  readonly ok: false;
  readonly reason: RefusalReason;
}

/** How all leases stand, in numbers. */
export interface LeaseCounts {
  readonly live: readonly LiveCount[];
  /** The mass lapses that last, one a provider at most. */
  readonly incidents: readonly IncidentCount[];
  /** Runners that were asked to drain. */
  readonly windingDown: number;
}

/** What a reader may know of a runner's lease. */
export interface LeaseView {
  readonly state: LeaseState;
  readonly generation: number;
  readonly phase: ReportedPhase;
  readonly appliedSpecRevision: number;
  /** Wall-clock ms of the last change of state or phase. */
  readonly sinceMs: number;
  /** Wall-clock ms; 0: never. */
  readonly lastSeenMs: number;
  /** Milliseconds until the lease lapses; null unless live. */
  readonly leftMs: number | null;
  /** The mass lapse that took the runner, while that lasts. */
  readonly incident: Incident | null;
  /** Milliseconds left to drain; null when not asked to. */
  readonly windDownMs: number | null;
}
