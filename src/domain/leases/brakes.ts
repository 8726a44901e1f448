import type { RunnerProvider } from "../runners/enums.ts";
import { type Brake, type BrakeChange, createBrake, type Incident } from "./brake.ts";
import type { LeaseSettings } from "./settings.ts";

/** An incident, and how many runners it holds now. */
export interface IncidentCount {
  readonly provider: RunnerProvider;
  readonly runners: number;
}

/** One brake a provider. */
export class Brakes {
  readonly #settings: LeaseSettings;
  readonly #windowMs: (provider: RunnerProvider) => number;
  readonly #brakes = new Map<RunnerProvider, Brake>();
  readonly #live: (provider: RunnerProvider) => number;
  readonly #touched = new Set<RunnerProvider>();
  #incidents = 0;

  /** @param live how many of a provider's runners are live now */
  constructor(
    settings: LeaseSettings,
    windowMs: (provider: RunnerProvider) => number,
    live: (provider: RunnerProvider) => number,
  ) {
    this.#settings = settings;
    this.#windowMs = windowMs;
    this.#live = live;
  }

  lapsed(provider: RunnerProvider, runnerId: string, now: number): void {
    this.#of(provider).lapsed(runnerId, now);
    this.#touched.add(provider);
  }

  /** A lapsed runner is heard again, or is gone for a reason of its own. */
  accounted(provider: RunnerProvider, runnerId: string): void {
    this.#brakes.get(provider)?.accounted(runnerId);
  }

  incidentOf(provider: RunnerProvider, runnerId: string): Incident | null {
    return this.#brakes.get(provider)?.incidentOf(runnerId) ?? null;
  }

  /** The incidents that last. */
  incidents(): readonly IncidentCount[] {
    return [...this.#brakes.values()].flatMap((brake) => {
      const incident = brake.incident();
      return incident === null ? [] : [{ provider: incident.provider, runners: brake.held() }];
    });
  }

  acknowledge(provider: RunnerProvider): BrakeChange | null {
    return this.#brakes.get(provider)?.acknowledge() ?? null;
  }

  /** Decides for every provider with new lapses or an open incident. */
  check(now: number, wallNow: number): readonly BrakeChange[] {
    const changes: BrakeChange[] = [];
    for (const [provider, brake] of this.#brakes) {
      if (!this.#touched.has(provider) && brake.incident() === null) continue;
      const change = brake.check(this.#live(provider), now, wallNow);
      if (change !== null) changes.push(change);
    }
    this.#touched.clear();
    return changes;
  }

  #of(provider: RunnerProvider): Brake {
    const known = this.#brakes.get(provider);
    if (known !== undefined) return known;
    const brake = createBrake(
      provider,
      this.#settings.brake,
      () => this.#windowMs(provider),
      () => ++this.#incidents,
    );
    this.#brakes.set(provider, brake);
    return brake;
  }
}
