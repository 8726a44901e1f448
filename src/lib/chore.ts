import type { Clock } from "./clock.ts";

/** Something to do every so often; never twice at once, and nobody waits for it. */
export class Chore {
  readonly #everyMs: number;
  readonly #clock: Clock;
  readonly #work: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #doneAt: number;
  #running: Promise<void> | undefined;

  constructor(everyMs: number, clock: Clock, work: () => Promise<void>, onError: (error: unknown) => void) {
    this.#everyMs = everyMs;
    this.#clock = clock;
    this.#work = work;
    this.#onError = onError;
    this.#doneAt = clock.monotonic();
  }

  /** Starts the work when its time has come and it is not under way. */
  startIfDue(): void {
    const now = this.#clock.monotonic();
    if (this.#running !== undefined || now - this.#doneAt < this.#everyMs) return;
    this.#doneAt = now;
    this.#running = this.#work()
      .catch(this.#onError)
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when nothing of it is under way. */
  async rest(): Promise<void> {
    await this.#running;
  }
}

/** What every part that lives longer than a call can do. */
export interface Lifecycle {
  /** Takes up its work; resolves once the part can be relied on. */
  run(): Promise<void>;
  /** Ends its work and keeps what must be kept. Can be called again. */
  stop(): Promise<void>;
}
