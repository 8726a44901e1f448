import type { Subject } from "../access/principal.ts";
import type { LeaseState, ReportedPhase } from "../leases/lease.ts";
import type { RunnerKind, RunnerPhase, RunnerProvider } from "./enums.ts";
import type { RunnerReport } from "./report.ts";

/** Hours of the day, UTC, in which a runner may update itself. An absent hour was not sent, and stays absent. */
export interface UpdateWindow {
  startHour?: number;
  endHour?: number;
}

/** Where a runner sends its metrics. `password` is only ever filled on the way in and on the way to the runner. */
export interface MetricsConfiguration {
  enabled: boolean;
  url: string;
  username: string;
  password: string;
  managedMetricsEnabled: boolean;
  includeVerboseMetrics: boolean;
}

export interface RunnerConfiguration {
  region: string;
  releaseChannel: number;
  autoUpdate: boolean;
  metrics?: MetricsConfiguration;
  logLevel: number;
  devcontainerImageCacheEnabled: boolean;
  updateWindow?: UpdateWindow;
  /** Sealed to the runner's public key; empty when none was set. */
  encryptedHoneycombApiKey: Uint8Array;
  continuousProfiling: boolean;
}

/** What operators want of a runner. Holds no secret in clear: see {@link Runner.metricsPassword}. */
export interface RunnerSpec {
  desiredPhase: RunnerPhase;
  configuration?: RunnerConfiguration;
  variant: number;
}

/** A registered runner as it is stored. Times are wall-clock milliseconds since the Unix epoch. */
export interface Runner {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly kind: RunnerKind;
  readonly provider: RunnerProvider;
  /** Set exactly on MANAGED runners. */
  readonly managerId: string | null;
  readonly creator: Subject;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly spec: RunnerSpec;
  /** Counts the changes of `spec`, from 1; an agent compares it with the revision that it has applied. */
  readonly specRevision: number;
  /** The metrics password, encrypted under the server key; null when none is set. */
  readonly metricsPassword: Uint8Array | null;
  /** When `spec.desiredPhase` last changed; null when it never did. */
  readonly desiredSince: number | null;
  /** Why an operator paused it, in the operator's words; empty when it is not paused, or no reason was given. */
  readonly pauseNote: string;
  /** Counts the changes of what is set up on the runner: classes and integrations. 0: nothing ever was. */
  readonly configurationRevision: number;
  /** When deletion was asked for; the runner is winding down from then on. */
  readonly deletionRequestedAt: number | null;
  readonly report: RunnerReport;
  /** When `report` last changed; null before the first one. */
  readonly reportedAt: number | null;
  readonly lease: StoredLease;
}

/** The lease as it was last made durable; the live one is in memory (domain/leases). */
export interface StoredLease {
  readonly state: LeaseState;
  /** Counts the agent starts; 0 before the first renewal. */
  readonly generation: number;
  readonly phase: ReportedPhase;
  /** Wall-clock milliseconds of the last change of state or phase; 0: never. */
  readonly sinceMs: number;
  /** Wall-clock milliseconds, as roughly as it is stored; 0: never. */
  readonly lastSeenMs: number;
  readonly appliedSpecRevision: number;
  readonly signOffReason: string;
}

/** How the bootstrap of a runner that has never renewed stands. Times are wall-clock milliseconds. */
export interface BootstrapToken {
  readonly issuedAtMs: number;
  readonly usedAtMs: number | null;
  readonly expiresAtMs: number;
}
