import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Logger } from "pino";
import type { LoadSample } from "../domain/leases/stretch.ts";
import type { Overload } from "../domain/limits/overload.ts";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import { systemClock } from "../lib/clock.ts";

/** Measures the load of this process between two calls of sample(). */
export class LoadMeter {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #loopDelayMs: () => number;
  #sampledAt: number;

  /**
   * @param now monotonic milliseconds
   * @param loopDelayMs how late the event loop was since the sample before, in milliseconds; default: what it really was
   */
  constructor(now: number, loopDelayMs?: () => number) {
    this.#sampledAt = now;
    this.#loopDelayMs = loopDelayMs ?? (() => this.#delay.percentile(99) / 1e6);
    this.#delay.enable();
  }

  /**
   * @param now monotonic milliseconds, later than at the sample before
   * @param renewals since the sample before
   */
  sample(now: number, renewals: number): LoadSample {
    const seconds = Math.max(now - this.#sampledAt, 1) / 1000;
    const sample = {
      loopDelayMs: this.#loopDelayMs(),
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

/** How often the event loop is asked how late it is, in milliseconds. */
const everyMs = 50;

/** Tells the overload protection how long calls wait for their turn: as long as a timer does. */
export class LoadWatch implements Lifecycle {
  readonly #overload: Overload;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #measuring: Chore;
  #measuredAt = 0;

  /**
   * @param now milliseconds: of this process and not of the clock that tests move, since what counts is how long it really
   *   stood. A test of the protection says how late it is.
   */
  constructor(overload: Overload, log: Logger, now = () => performance.now()) {
    this.#overload = overload;
    this.#now = now;
    this.#log = log.child({ part: "overload" });
    this.#measuring = new Chore(
      everyMs,
      systemClock,
      async () => this.#measure(),
      (error) => this.#log.error({ err: error }, "the load could not be measured"),
    );
  }

  async run(): Promise<void> {
    this.#measuredAt = this.#now();
    await this.#measuring.run();
  }

  async stop(): Promise<void> {
    await this.#measuring.stop();
  }

  #measure(): void {
    const now = this.#now();
    const lateMs = now - this.#measuredAt - everyMs;
    this.#measuredAt = now;
    const step = this.#overload.sample(lateMs);
    if (step === null) return;
    const refused = { ...this.#overload.refused };
    this.#log.warn({ refuses: step, lateMs: Math.round(lateMs), refused }, "load shedding changed");
  }
}
