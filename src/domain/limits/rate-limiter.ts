/** How often something may happen. */
export interface Rate {
  /** In the long run. */
  readonly perSecond: number;
  /** At once, after a pause. At least 1. */
  readonly burst: number;
}

/** Keys of one generation at most; two are kept, some 100 bytes a key. */
const defaultCapacity = 50_000;

/**
 * Rate limits by key, by the generic cell rate algorithm (ITU-T I.371): for each key one number, the time up to which
 * its calls are paid for. It admits what a token bucket of `burst` tokens admits.
 *
 * Memory is bounded: keys live in two generations, and a new one begins when all keys of the older have their whole
 * burst again, so that forgetting them changes nothing. A flood of more keys than fit forgets earlier: those that are
 * forgotten get their burst back too soon, which is the lesser evil.
 */
export class RateLimiter {
  readonly #gapMs: number;
  readonly #burstMs: number;
  readonly #capacity: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #bornAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: Rate, capacity = defaultCapacity) {
    this.#gapMs = 1000 / perSecond;
    this.#burstMs = this.#gapMs * burst;
    this.#capacity = capacity;
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /**
   * Counts a call when it is admitted.
   * @param now monotonic milliseconds
   * @returns 0 when it is admitted, else milliseconds until one would be
   */
  take(key: string, now: number): number {
    this.#turn(now);
    const paidUntil = Math.max(this.#young.get(key) ?? this.#old.get(key) ?? now, now) + this.#gapMs;
    // A thousandth of a millisecond more, for what adding up fractions loses.
    const waitMs = paidUntil - this.#burstMs - now;
    if (waitMs > 0.001) return waitMs;
    this.#young.set(key, paidUntil);
    return 0;
  }

  #turn(now: number): void {
    if (now - this.#bornAt < this.#burstMs && this.#young.size < this.#capacity) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#bornAt = now;
  }
}
