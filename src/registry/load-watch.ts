import type { Logger } from "pino";
import type { Overload } from "../domain/limits/overload.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** How often the event loop is asked how late it is, in milliseconds. */
const everyMs = 50;

/** Tells the overload protection how long calls wait for their turn: as long as a timer does. */
export class LoadWatch implements Lifecycle {
  readonly #overload: Overload;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;

  constructor(overload: Overload, log: Logger) {
    this.#overload = overload;
    this.#log = log.child({ part: "overload" });
  }

  async run(): Promise<void> {
    // Of this process, not of the clock that tests move: what counts is how long it really stood.
    let lookedAt = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      const lateMs = now - lookedAt - everyMs;
      lookedAt = now;
      const step = this.#overload.sample(lateMs);
      if (step === null) return;
      const { refused } = this.#overload;
      this.#log.warn(
        { refuses: step, lateMs: Math.round(lateMs), refused: { ...refused } },
        "load shedding changed",
      );
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }
}
