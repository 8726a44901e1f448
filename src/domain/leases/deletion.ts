import { DeadlineHeap, type HeapItem } from "./deadlines.ts";

class WindDown implements HeapItem {
  deadline = 0;
  heapIndex = -1;
  readonly runnerId: string;
  constructor(runnerId: string) {
    this.runnerId = runnerId;
  }
}

/** The runners that have been asked to drain, with the instants at which they are deleted without their word. */
export class WindDowns {
  readonly #byRunner = new Map<string, WindDown>();
  readonly #heap = new DeadlineHeap<WindDown>();

  /** How many runners drain. */
  get size(): number {
    return this.#byRunner.size;
  }

  /** Asked twice, the earlier end counts. @param endsAt monotonic ms */
  start(runnerId: string, endsAt: number): void {
    const known = this.#byRunner.get(runnerId);
    if (known !== undefined && known.deadline <= endsAt) return;
    const windDown = known ?? new WindDown(runnerId);
    this.#byRunner.set(runnerId, windDown);
    this.#heap.set(windDown, endsAt);
  }

  /** @returns whether the runner was winding down */
  finish(runnerId: string): boolean {
    const windDown = this.#byRunner.get(runnerId);
    if (windDown === undefined) return false;
    this.#byRunner.delete(runnerId);
    this.#heap.remove(windDown);
    return true;
  }

  /** Milliseconds left, at least 0; null when the runner was not asked to drain. */
  leftMs(runnerId: string, now: number): number | null {
    const windDown = this.#byRunner.get(runnerId);
    return windDown === undefined ? null : Math.max(0, windDown.deadline - now);
  }

  /** Takes out one runner whose time is up. */
  popDue(now: number): string | undefined {
    const windDown = this.#heap.popDue(now);
    if (windDown === undefined) return undefined;
    this.#byRunner.delete(windDown.runnerId);
    return windDown.runnerId;
  }

  /** Monotonic ms of the next end, or undefined. */
  nextAt(): number | undefined {
    return this.#heap.peek()?.deadline;
  }
}

/**
 * How long a wind-down that was asked for before a restart has left. The wall clock is all that survives a
 * restart, and it may have been stepped: the answer is never below 0 nor above the whole time.
 */
export function windDownLeftMs(askedAtMs: number, wallNow: number, windDownMs: number): number {
  return Math.min(windDownMs, Math.max(0, askedAtMs + windDownMs - wallNow));
}

/** What DeleteRunner does to a runner. */
export type DeletionPlan = "delete_now" | "wind_down";

/** Only a runner that is there to be told, and not forced out, is asked to drain. */
export function planDeletion(force: boolean, live: boolean): DeletionPlan {
  return live && !force ? "wind_down" : "delete_now";
}
