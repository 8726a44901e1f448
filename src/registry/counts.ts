import type { LeaseCounts } from "../domain/leases/events.ts";

/** How everything stands that the registry looks after, in numbers: for metrics. */
export interface RegistryCounts extends LeaseCounts {
  /** Renewals heard since the start, refused ones included. */
  readonly renewals: number;
  /** By how much renewal intervals are longer than normal: 1 up to the cap. */
  readonly stretchFactor: number;
  /** Transitions of leases that are not on disk yet. */
  readonly unwritten: number;
  /** Lapsed runners that watchers are still to be told of. */
  readonly unannounced: number;
}
