import { monitorEventLoopDelay } from "node:perf_hooks";
import type { LoadSample } from "../domain/leases/stretch.ts";

/** Measures the load of this process between two calls of sample(). */
export class LoadMeter {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  #sampledAt: number;

  /** @param now monotonic milliseconds */
  constructor(now: number) {
    this.#sampledAt = now;
    this.#delay.enable();
  }

  /**
   * @param now monotonic milliseconds, later than at the sample before
   * @param renewals since the sample before
   */
  sample(now: number, renewals: number): LoadSample {
    const seconds = Math.max(now - this.#sampledAt, 1) / 1000;
    const sample = {
      loopDelayMs: this.#delay.percentile(99) / 1e6,
      renewalsPerSecond: renewals / seconds,
    };
    this.#delay.reset();
    this.#sampledAt = now;
    return sample;
  }

  stop(): void {
    this.#delay.disable();
  }
}
