import type { Subject } from "../access/principal.ts";
import type { RunnerKind, RunnerPhase, RunnerProvider } from "./enums.ts";

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
  /** When deletion was asked for; the runner is winding down from then on. */
  readonly deletionRequestedAt: number | null;
}
