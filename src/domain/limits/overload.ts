import type { Clock } from "../../lib/clock.ts";
import { DomainError } from "../errors.ts";

/** What a call is for: the first is never refused for load, the last is refused first. */
export type Urgency = "renewal" | "read" | "change";

/** The steps of shedding, each with what the one before it refuses. */
export const steps = [
  "nothing",
  "changes of the busiest",
  "reads of the busiest",
  "all changes",
  "all reads",
] as const;
export type SheddingStep = (typeof steps)[number];

/** So many samples in a row must be too late for one step up, and early enough for one step down. */
const raiseAfter = 4;
const lowerAfter = 10;
/** How long the calls of an organisation are counted before the count is reset, in milliseconds. */
const countMs = 1_000;
/** An organisation is among the busiest with so many times the calls of the average one. */
const busyFactor = 1.5;
/** Those who are refused come back after one to five seconds, not all at once. */
const retryMs = 1_000;

export interface OverloadOptions {
  /** How late the event loop may be, again and again, in milliseconds; 0 sheds nothing. */
  readonly delayMs: number;
  readonly clock: Pick<Clock, "monotonic">;
}

/**
 * Decides what is refused while there is more to do than the server can: renewals never, so that an overload is not taken
 * for the death of runners; reads after changes; and the organisations that call the most before all others, so that one
 * of them cannot starve the rest. Goes up and down by single steps, each of which needs several samples: one slow
 * moment refuses no call.
 */
export class Overload {
  readonly #options: OverloadOptions;
  readonly #refused: Record<Exclude<Urgency, "renewal">, number> = { read: 0, change: 0 };
  #step = 0;
  #late = 0;
  #early = 0;
  /** Calls by organisation, renewals left out: of this second, and of the one before. */
  #counting = new Map<string, number>();
  #counted: ReadonlyMap<string, number> = new Map();
  #busyFrom = Number.POSITIVE_INFINITY;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(options: OverloadOptions) {
    this.#options = options;
  }

  /** What is refused now. */
  get step(): SheddingStep {
    return steps[this.#step] ?? "nothing";
  }

  /** Calls refused since the start. */
  get refused(): Readonly<Record<Exclude<Urgency, "renewal">, number>> {
    return this.#refused;
  }

  /**
   * Takes one sample of how late the event loop is, in milliseconds.
   * @returns the new step when it changed, else null
   */
  sample(lateMs: number): SheddingStep | null {
    const { delayMs } = this.#options;
    if (delayMs === 0) return null;
    this.#late = lateMs > delayMs ? this.#late + 1 : 0;
    this.#early = lateMs <= delayMs / 2 ? this.#early + 1 : 0;
    if (this.#late >= raiseAfter && this.#step < steps.length - 1) this.#step += 1;
    else if (this.#early >= lowerAfter && this.#step > 0) this.#step -= 1;
    else return null;
    this.#late = 0;
    this.#early = 0;
    return this.step;
  }

  /**
   * Counts a call.
   * @param organizationId empty for callers that belong to none
   * @throws DomainError OVERLOADED when it is to be refused
   */
  admit(urgency: Urgency, organizationId: string): void {
    if (urgency === "renewal") return;
    this.#turn();
    this.#counting.set(organizationId, (this.#counting.get(organizationId) ?? 0) + 1);
    const spared = urgency === "read" ? 1 : 0;
    const busiestRefused = this.#step >= 1 + spared;
    if (!busiestRefused) return;
    const allRefused = this.#step >= 3 + spared;
    if (!allRefused && !this.#isBusy(organizationId)) return;
    this.#refused[urgency] += 1;
    throw overloaded(urgency, retryMs * (1 + (this.#refused[urgency] % 5)));
  }

  #isBusy(organizationId: string): boolean {
    return (this.#counted.get(organizationId) ?? 0) >= this.#busyFrom;
  }

  #turn(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#countedAt < countMs) return;
    this.#countedAt = now;
    this.#counted = this.#counting;
    this.#counting = new Map();
    const total = [...this.#counted.values()].reduce((sum, calls) => sum + calls, 0);
    const organizations = this.#counted.size;
    this.#busyFrom = organizations <= 1 ? 0 : (busyFactor * total) / organizations;
  }
}

function overloaded(urgency: Urgency, retryAfterMs: number): DomainError {
  const what = urgency === "read" ? "reads and changes" : "changes";
  return new DomainError("unavailable", `the server is overloaded and refuses ${what} for now`, {
    reason: "OVERLOADED",
    retryAfterMs,
  });
}
