import type { StallSettings, StretchSettings } from "./settings.ts";

/** What the server knows about its own load, sampled at a steady pace (once a second or so). */
export interface LoadSample {
  /** Event loop delay since the last sample, 99th percentile, in milliseconds. */
  readonly loopDelayMs: number;
  /** Renewals a second since the last sample. */
  readonly renewalsPerSecond: number;
}

// Neighbours differ by a factor of 1.5 at most: one step down at 0.6 of full load lands at 0.9 of it, so
// that shrinking the interval does not by itself make it grow again.
const STEPS: readonly number[] = [1, 1.5, 2, 3, 4, 6, 9, 10];
const LOW_LOAD = 0.6;

export interface Stretch {
  /** By how much the interval is longer than normal: 1 up to the cap. */
  factor(): number;
  /** Takes one sample. @returns the new factor when it changed, for the log and the metric, else null */
  sample(load: LoadSample): number | null;
}

/** Load as a share of what the settings call fully loaded; 1 and above is too much. */
export function loadShare(settings: StretchSettings, load: LoadSample): number {
  const delay = load.loopDelayMs / settings.loopDelayMs;
  const rate = settings.renewalsPerSecond > 0 ? load.renewalsPerSecond / settings.renewalsPerSecond : 0;
  return Math.max(delay, rate);
}

/**
 * Decides how far the interval is stretched: up one step after `raiseAfter` overloaded samples in a row,
 * down one step after `lowerAfter` calm ones, nowhere in between.
 */
export function createStretch(settings: StretchSettings): Stretch {
  const steps = STEPS.filter((step) => step < settings.cap).concat(settings.cap);
  let at = 0;
  let high = 0;
  let low = 0;
  const current = (): number => steps[at] ?? 1;
  return {
    factor: current,
    sample(load) {
      const share = loadShare(settings, load);
      high = share >= 1 ? high + 1 : 0;
      low = share < LOW_LOAD ? low + 1 : 0;
      if (high >= settings.raiseAfter && at < steps.length - 1) at += 1;
      else if (low >= settings.lowerAfter && at > 0) at -= 1;
      else return null;
      high = 0;
      low = 0;
      return current();
    },
  };
}

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
   * `maxPostponements` times between two renewals, so that endless stalls keep no runner alive for ever.
   */
  putOffUntil(postponed: number, now: number): number | null {
    if (now >= this.#quietUntil || postponed >= this.#settings.maxPostponements) return null;
    return this.#quietUntil;
  }
}
