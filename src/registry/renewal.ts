import type { Runner } from "../domain/runners/runner.ts";

/** The runner that calls, as its token says. */
export interface RunnerIdentity {
  readonly id: string;
  readonly organizationId: string;
}

/** What a renewal brought back. */
export interface RenewalAnswer {
  readonly generation: number;
  readonly renewAfterMs: number;
  readonly leaseMs: number;
  readonly stretchPercent: number;
  /** Set while the runner is asked to wind down. */
  readonly windDownMs: number | null;
  /** Set when another revision of the spec is wanted than the runner has applied. */
  readonly wanted: Runner | null;
}
