import type { StallSettings } from "./settings.ts";

/**
 * Notices that the process itself had stopped: stalled event loop, suspended machine. What arrived meanwhile
 * waits in socket buffers and must be heard before a lease may lapse, so a quiet time follows every stall.
 */
export class StallWatch {
  readonly #settings: StallSettings;
  #lookedAt: number;
  #quietUntil = Number.NEGATIVE_INFINITY;

  /** @param now monotonic ms, as in all methods */
  constructor(settings: StallSettings, now: number) {
    this.#settings = settings;
    this.#lookedAt = now;
  }

  /** Call it first thing whenever the engine is entered. @returns the length of the stall, 0 when there was none */
  look(now: number): number {
    const gap = now - this.#lookedAt;
    this.#lookedAt = now;
    if (gap < this.#settings.thresholdMs) return 0;
    this.#quietUntil = now + this.#settings.marginMs;
    return gap;
  }

  /**
   * Until when a lease that is due at `now` is put off; null: not at all. A lease is put off at most
   * `maxPostponements` times between two renewals, so that endless stalls keep nobody alive for ever.
   */
  putOffUntil(postponed: number, now: number): number | null {
    if (now >= this.#quietUntil || postponed >= this.#settings.maxPostponements) return null;
    return this.#quietUntil;
  }
}
