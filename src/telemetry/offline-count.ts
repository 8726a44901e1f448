import type { LeaseState } from "../domain/leases/lease.ts";
import type { RunnerProvider } from "../domain/runners/enums.ts";
import type { Clock } from "../lib/clock.ts";
import type { LeaseStore } from "../store/store.ts";

/** So many runners are looked at between two turns for other work. */
const pageSize = 500;
/** So long one count serves all scrapes, in milliseconds: it goes through all runners. */
const keptMs = 10_000;

/** Runners of one provider that are offline. */
export interface OfflineRunners {
  readonly byState: ReadonlyMap<LeaseState, number>;
  readonly stale: number;
}

export interface OfflineCountOptions {
  readonly leases: Pick<LeaseStore, "countOffline">;
  readonly clock: Clock;
  /** Offline for longer is stale, in milliseconds. */
  readonly staleAfterMs: number;
}

/** Counts the runners that are offline, from what is on record of them. */
export class OfflineCount {
  readonly #options: OfflineCountOptions;
  #counted:
    | { readonly at: number; readonly result: Promise<ReadonlyMap<RunnerProvider, OfflineRunners>> }
    | undefined;

  constructor(options: OfflineCountOptions) {
    this.#options = options;
  }

  /** At most once every ten seconds it really counts. */
  current(): Promise<ReadonlyMap<RunnerProvider, OfflineRunners>> {
    const now = this.#options.clock.monotonic();
    if (this.#counted === undefined || now - this.#counted.at >= keptMs) {
      this.#counted = { at: now, result: this.#count() };
    }
    return this.#counted.result;
  }

  async #count(): Promise<ReadonlyMap<RunnerProvider, OfflineRunners>> {
    const { leases, clock, staleAfterMs } = this.#options;
    const staleBefore = clock.now() - staleAfterMs;
    const found = new Map<RunnerProvider, { byState: Map<LeaseState, number>; stale: number }>();
    for (let after: string | null = null; ; ) {
      const { counts, next } = await leases.countOffline(staleBefore, { after, limit: pageSize });
      for (const { provider, state, runners, stale } of counts) {
        const of = found.get(provider) ?? { byState: new Map(), stale: 0 };
        found.set(provider, of);
        of.byState.set(state, (of.byState.get(state) ?? 0) + runners);
        of.stale += stale;
      }
      if (next === null) return found;
      after = next;
      await new Promise(setImmediate);
    }
  }
}
