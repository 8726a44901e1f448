import type { LeaseEngine } from "../domain/leases/engine.ts";
import { LongestLeases } from "../domain/leases/longest-leases.ts";
import { RunnerProvider } from "../domain/runners/enums.ts";
import type { Clock } from "../lib/clock.ts";
import { inBatches } from "../lib/in-batches.ts";
import type { CarriedLease, LeaseStore } from "../store/store.ts";

/** Runners of a whole fleet that are written in one commit: some milliseconds of the event loop. */
const inCommit = 1_000;

/**
 * What one run of the server hands to the next of its leases: which were live, when their runners were heard last, how
 * many starts have missed them, and how long they may be.
 */
export class CarryOver {
  readonly #leases: LeaseStore;
  readonly #engine: LeaseEngine;
  readonly #clock: Clock;
  /** Null until the last run's is known: it must not be overwritten by what holds now. */
  #longest: LongestLeases | null = null;
  /** Leases of the last run that this start is still to be counted against. */
  #uncounted: readonly CarriedLease[] = [];

  constructor(leases: LeaseStore, engine: LeaseEngine, clock: Clock) {
    this.#leases = leases;
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Gives the leases of the last run to the engine. */
  async takeOver(): Promise<readonly CarriedLease[]> {
    const carried = await this.#leases.carryOver();
    const longest = await this.#leases.longestLeases();
    this.#longest = new LongestLeases(longest, this.#clock.monotonic());
    this.#engine.restore(carried, longest);
    this.#uncounted = carried;
    return carried;
  }

  /**
   * Counts this start against the leases that it carried over, beside the first calls: written before them, it would
   * keep a large fleet waiting. A runner that renews meanwhile is not counted.
   */
  async countRestart(): Promise<void> {
    const carried = this.#uncounted;
    this.#uncounted = [];
    const isUnheard = ({ runnerId, lastSeenMs }: CarriedLease) =>
      this.#engine.view(runnerId)?.lastSeenMs === lastSeenMs;
    await inBatches(carried, inCommit, (some) =>
      this.#leases.countRestart(some.filter(isUnheard).map(({ runnerId }) => runnerId)),
    );
  }

  /** Stores when runners were last heard. What the disk refuses is tried again the next time. */
  async saveLastSeen(): Promise<void> {
    const seen = this.#engine.takeLastSeen();
    try {
      // What the engine gives is its leases themselves: no more of them than this is sent to the thread that writes.
      await inBatches(seen, inCommit, (some) =>
        this.#leases.saveLastSeen(some.map(({ runnerId, lastSeenMs }) => ({ runnerId, lastSeenMs }))),
      );
    } catch (error) {
      this.#engine.keepUnsaved(seen);
      throw error;
    }
  }

  /** Stores how long leases may be, if that has changed. What the disk refuses is tried again the next time. */
  async saveLongest(): Promise<void> {
    const longest = this.#longest;
    if (longest === null) return;
    const now = this.#clock.monotonic();
    for (const provider of Object.values(RunnerProvider)) {
      longest.grant(provider, this.#engine.leaseMs(provider), now);
    }
    const unsaved = longest.unsaved();
    if (unsaved.length === 0) return;
    await this.#leases.saveLongestLeases(unsaved);
    longest.saved(unsaved);
  }
}
