import type { RunnerProvider } from "../runners/enums.ts";

/** How long a lease of a provider's runners may be, in milliseconds. */
export interface LongestLease {
  readonly provider: RunnerProvider;
  readonly leaseMs: number;
}

interface Granted {
  readonly leaseMs: number;
  /** Monotonic ms: the last lease of this length ends by then. The last entry is still being granted. */
  readonly until: number;
}

/**
 * The longest lease that some runner of each provider may still hold. A lease keeps the length that it was granted
 * with, and its runner may be silent for as long, whatever the interval or the settings are by then. The next run of
 * the server has to know: it carries leases over whose lengths are in no row. `now` are monotonic milliseconds.
 */
export class LongestLeases {
  /** The longest first; each further one is shorter and ends later. */
  readonly #granted = new Map<RunnerProvider, readonly Granted[]>();
  readonly #saved = new Map<RunnerProvider, number>();

  /** @param saved what the run before left */
  constructor(saved: readonly LongestLease[], now: number) {
    for (const { provider, leaseMs } of saved) {
      this.grant(provider, leaseMs, now);
      this.#saved.set(provider, leaseMs);
    }
  }

  /** Leases of a provider are of this length from now on; up to now they were of the one before. */
  grant(provider: RunnerProvider, leaseMs: number, now: number): void {
    const granted = this.#granted.get(provider) ?? [];
    const ended = granted.slice(-1).map((last) => ({ ...last, until: now + last.leaseMs }));
    const running = [...granted.slice(0, -1), ...ended];
    const longer = running.filter((before) => before.until > now && before.leaseMs > leaseMs);
    this.#granted.set(provider, [...longer, { leaseMs, until: now + leaseMs }]);
  }

  /** What the next run does not know yet. */
  unsaved(): readonly LongestLease[] {
    const longest = Array.from(this.#granted, ([provider, [first]]) => ({
      provider,
      leaseMs: first?.leaseMs ?? 0,
    }));
    return longest.filter(({ provider, leaseMs }) => this.#saved.get(provider) !== leaseMs);
  }

  saved(longest: readonly LongestLease[]): void {
    for (const { provider, leaseMs } of longest) this.#saved.set(provider, leaseMs);
  }
}
