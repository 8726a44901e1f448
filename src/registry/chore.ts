import type { Clock } from "../domain/clock.ts";

/** Something to do every so often, however often it is asked. */
export class Chore {
  readonly #everyMs: number;
  readonly #clock: Clock;
  readonly #work: () => Promise<void>;
  #doneAt: number;

  constructor(everyMs: number, clock: Clock, work: () => Promise<void>) {
    this.#everyMs = everyMs;
    this.#clock = clock;
    this.#work = work;
    this.#doneAt = clock.monotonic();
  }

  async doIfDue(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#doneAt < this.#everyMs) return;
    this.#doneAt = now;
    await this.#work();
  }
}
