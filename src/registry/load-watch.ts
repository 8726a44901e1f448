import type { Logger } from "pino";
import type { Overload } from "../domain/limits/overload.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** How often the event loop is asked how late it is, in milliseconds. */
const everyMs = 50;

/** Tells the overload protection how long calls wait for their turn: as long as a timer does. */
export class LoadWatch implements Lifecycle {
  readonly #overload: Overload;
  readonly #log: Logger;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param now milliseconds: of this process and not of the clock that tests move, since what counts is how long it really
   *   stood. A test of the protection says how late it is.
   */
  constructor(overload: Overload, log: Logger, now = () => performance.now()) {
    this.#overload = overload;
    this.#now = now;
    this.#log = log.child({ part: "overload" });
  }

  async run(): Promise<void> {
    let lookedAt = this.#now();
    this.#timer = setInterval(() => {
      const now = this.#now();
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
