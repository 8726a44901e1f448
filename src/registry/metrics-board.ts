import type { MetricSample } from "../domain/metrics/exposition.ts";

/** How long samples are shown without a new report, in milliseconds. */
const keptMs = 5 * 60 * 1000;

/** What runners last reported, in memory only: the next report brings it back. */
export class MetricsBoard {
  readonly #reports = new Map<string, { readonly samples: readonly MetricSample[]; readonly at: number }>();

  /** Replaces what the runner reported before. @param now monotonic milliseconds */
  put(runnerId: string, samples: readonly MetricSample[], now: number): void {
    if (samples.length === 0) this.#reports.delete(runnerId);
    else this.#reports.set(runnerId, { samples, at: now });
  }

  drop(runnerId: string): void {
    this.#reports.delete(runnerId);
  }

  /** The reports that are not too old. @param now monotonic milliseconds */
  *current(now: number): Iterable<readonly [runnerId: string, samples: readonly MetricSample[]]> {
    for (const [runnerId, { samples, at }] of this.#reports) {
      if (now - at > keptMs) this.#reports.delete(runnerId);
      else yield [runnerId, samples];
    }
  }
}
