/** Between which lengths, in milliseconds, the waits of a backoff lie. */
export interface BackoffBounds {
  /** The first wait is at most this long; each further one at most twice as long as the one before. */
  readonly baseMs: number;
  /** No wait is longer, unless the server asks for it. */
  readonly capMs: number;
}

/** Nothing that a server asks for keeps an agent away for longer than this, in milliseconds. */
const longestAskedMs = 5 * 60 * 1_000;

/**
 * Exponential backoff with jitter: each wait lies between half and all of its bound, so that agents that fail
 * together do not come back together, and a server that refuses at once is not hammered.
 */
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

  /**
   * @param askedMs what the server asked for (`google.rpc.RetryInfo`), 0 for nothing
   * @param mostMs the caller wants to have tried again by then; the first wait's length is waited all the same
   */
  nextMs(askedMs = 0, mostMs = Number.POSITIVE_INFINITY): number {
    const { baseMs, capMs } = this.#bounds;
    // 2^30 is past every cap, and keeps the power finite.
    const grown = Math.min(capMs, baseMs * 2 ** Math.min(this.#failures, 30));
    const bound = Math.min(grown, Math.max(baseMs, mostMs));
    this.#failures += 1;
    // Those who were all told the same time are spread behind it, not before it.
    return Math.min(longestAskedMs, askedMs) + bound * (0.5 + this.#random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
