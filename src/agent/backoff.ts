/** Between which lengths, in milliseconds, the waits of a backoff lie. */
export interface BackoffBounds {
  /** No wait is shorter, so that a server that refuses at once is not hammered. */
  readonly floorMs: number;
  /** The first wait is at most this long; each further one at most twice as long as the one before. */
  readonly baseMs: number;
  /** No wait is longer, whatever the server asks for. */
  readonly capMs: number;
}

/** Exponential backoff with full jitter: agents that fail together must not come back together. */
export class Backoff {
  readonly #bounds: BackoffBounds;
  readonly #random: () => number;
  #failures = 0;

  /** @param random uniform in [0, 1) */
  constructor(bounds: BackoffBounds, random: () => number) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** How many waits were drawn since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** @param atLeastMs what the server asked for (`google.rpc.RetryInfo`), 0 for nothing */
  nextMs(atLeastMs = 0): number {
    const { floorMs, baseMs, capMs } = this.#bounds;
    // 2^30 is past every cap, and keeps the power finite.
    const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    const drawn = floorMs + this.#random() * Math.max(0, ceiling - floorMs);
    // Those who were all told the same time are spread behind it, not before it.
    return Math.min(capMs, atLeastMs + drawn);
  }

  reset(): void {
    this.#failures = 0;
  }
}
