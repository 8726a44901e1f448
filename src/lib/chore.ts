import type { Clock } from "./clock.ts";

/** What every part that lives longer than a call can do. */
export interface Lifecycle {
  /** Takes up its work; resolves once the part can be relied on. */
  run(): Promise<void>;
  /** Ends its work and keeps what must be kept. Can be called again. */
  stop(): Promise<void>;
}

/**
 * Something to do every so often, never twice at once, and no caller waits for it. run() gives it a timer of its own; a part with
 * one timer for many chores, which tests drive by a clock that they move, calls startIfDue() instead.
 */
export class Chore implements Lifecycle {
  readonly #everyMs: number;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #work: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #startedAt: number;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param onError is told what the work rejects with; the next time tries again */
  constructor(
    everyMs: number,
    clock: Pick<Clock, "monotonic">,
    work: () => Promise<void>,
    onError: (error: unknown) => void,
  ) {
    this.#everyMs = everyMs;
    this.#clock = clock;
    this.#work = work;
    this.#onError = onError;
    this.#startedAt = clock.monotonic();
  }

  /** The timer runs by real time, and does not keep the process alive. The first time comes after one interval. */
  async run(): Promise<void> {
    this.#timer = setInterval(() => this.start(), this.#everyMs).unref();
  }

  /** No timer starts it any more. Resolves when nothing of it is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  /** Starts the work when its time has come by the clock. */
  startIfDue(): void {
    if (this.#clock.monotonic() - this.#startedAt >= this.#everyMs) this.start();
  }

  /** Starts the work now, if it is not under way. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#startedAt = this.#clock.monotonic();
    this.#running = this.#work()
      .catch(this.#onError)
      .finally(() => {
        this.#running = undefined;
      });
  }
}
