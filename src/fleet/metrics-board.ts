import { DomainError } from "../domain/errors.ts";
import { RateLimiter } from "../domain/limits/rate-limiter.ts";
import { type MetricSample, type RenderedFamily, renderSamples } from "../domain/metrics/exposition.ts";

/** How long samples are shown without a new report, in milliseconds. */
const keptMs = 5 * 60 * 1000;

/** A runner that reports again sooner than this is refused, in milliseconds. */
const leastGapMs = 1_000;

/** What all runners together may have shown: bounds the memory that is held and what one scrape costs. */
export interface MetricsBudget {
  readonly samples: number;
  /** Characters of rendered text. */
  readonly characters: number;
}

const defaultBudget: MetricsBudget = { samples: 1_000_000, characters: 64 * 1024 * 1024 };

interface Report extends MetricsBudget {
  readonly families: readonly RenderedFamily[];
  readonly at: number;
}

/** What runners last reported, in memory only: the next report brings it back. */
export class MetricsBoard {
  readonly #budget: MetricsBudget;
  /** The oldest first. */
  readonly #reports = new Map<string, Report>();
  readonly #asked = new RateLimiter({ perSecond: 1000 / leastGapMs, burst: 1 });
  #samples = 0;
  #characters = 0;

  constructor(budget: MetricsBudget = defaultBudget) {
    this.#budget = budget;
  }

  /**
   * Counts an attempt to report, before anything is done for it: one that is refused later has cost as much.
   * @param now monotonic milliseconds
   * @throws DomainError METRICS_TOO_SOON
   */
  admit(runnerId: string, now: number): void {
    const wait = this.#asked.take(runnerId, now);
    if (wait > 0) throw exhausted("metrics came too soon after the last ones", "METRICS_TOO_SOON", wait);
  }

  /**
   * Replaces what the runner reported before; that stays when the new report is refused.
   * @param now monotonic milliseconds
   * @throws DomainError `resource_exhausted` when the server's budget is used up
   */
  put(runnerId: string, samples: readonly MetricSample[], now: number): void {
    this.#dropOld(now);
    const before = this.#reports.get(runnerId);
    const report = rendered(samples, now);
    const isOver = (part: keyof MetricsBudget, used: number) =>
      used - (before?.[part] ?? 0) + report[part] > this.#budget[part];
    if (isOver("samples", this.#samples) || isOver("characters", this.#characters)) {
      throw exhausted("the server holds as many metrics as it can", "METRICS_BUDGET_USED_UP", 60_000);
    }
    this.drop(runnerId);
    this.#reports.set(runnerId, report);
    this.#samples += report.samples;
    this.#characters += report.characters;
  }

  drop(runnerId: string): void {
    const report = this.#reports.get(runnerId);
    if (report === undefined) return;
    this.#reports.delete(runnerId);
    this.#samples -= report.samples;
    this.#characters -= report.characters;
  }

  /** The reports that are not too old, as they are at this moment. @param now monotonic milliseconds */
  current(now: number): readonly (readonly [runnerId: string, families: readonly RenderedFamily[]])[] {
    this.#dropOld(now);
    return Array.from(this.#reports, ([runnerId, { families }]) => [runnerId, families]);
  }

  #dropOld(now: number): void {
    for (const [runnerId, { at }] of this.#reports) {
      if (now - at <= keptMs) return;
      this.drop(runnerId);
    }
  }
}

function rendered(samples: readonly MetricSample[], at: number): Report {
  const families = renderSamples(samples);
  let [count, characters] = [0, 0];
  for (const { name, tails } of families) {
    count += tails.length;
    for (const tail of tails) characters += name.length + tail.length;
  }
  return { families, at, samples: count, characters };
}

function exhausted(message: string, reason: string, retryAfterMs: number): DomainError {
  return new DomainError("resource_exhausted", message, { reason, retryAfterMs: Math.ceil(retryAfterMs) });
}
