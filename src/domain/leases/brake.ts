import type { RunnerProvider } from "../runners/enums.ts";
import type { BrakeSettings, LeaseSettings } from "./settings.ts";

/** A mass lapse of one provider's runners: one of these, however many runners it takes. */
export interface Incident {
  /** Unique within this process. */
  readonly id: number;
  readonly provider: RunnerProvider;
  /** Wall-clock milliseconds: for people. */
  readonly startedAtMs: number;
  /** How many were live when the window of the lapses began. */
  readonly base: number;
}

/** Watches the lapses of one provider. Times are monotonic milliseconds. */
export interface Brake {
  /** Notes that a live runner lapsed. */
  lapsed(runnerId: string, now: number): void;
  /** Notes that a runner is heard again, or is gone for a reason of its own (signed off, deleted). */
  accounted(runnerId: string): void;
  /**
   * Decides. Call it after a batch of lapses, not between them, so that those that trip it are told alike.
   * @param live how many of the provider's runners are live now
   */
  check(live: number, now: number, wallNow: number): BrakeChange | null;
  /** The incident that holds this runner's lapse, or null. */
  incidentOf(runnerId: string): Incident | null;
  incident(): Incident | null;
  /** How many runners the incident holds; 0 without one. */
  held(): number;
  /** Ends the incident because an operator says so: the runners really are gone. */
  acknowledge(): BrakeChange | null;
}

export interface BrakeChange {
  readonly kind: "tripped" | "ended";
  readonly incident: Incident;
  /** The runners that the incident holds at this moment. */
  readonly runnerIds: readonly string[];
  readonly why: "threshold" | "recovered" | "expired" | "acknowledged";
}

/**
 * @param nextId gives incidents their ids
 * @param windowMs the length of the window: the interval in force
 */
function createBrake(
  provider: RunnerProvider,
  settings: BrakeSettings,
  windowMs: () => number,
  nextId: () => number,
): Brake {
  // Runners that lapsed and have not come back, oldest first, with the time of the lapse.
  const out = new Map<string, number>();
  let incident: Incident | null = null;
  let openedAt = 0;

  const isMass = (lapsed: number, base: number): boolean => lapsed * 100 > settings.percent * base;

  const end = (why: BrakeChange["why"]): BrakeChange | null => {
    if (incident === null) return null;
    const change: BrakeChange = { kind: "ended", incident, runnerIds: [...out.keys()], why };
    incident = null;
    out.clear();
    return change;
  };

  return {
    lapsed(runnerId, now) {
      out.delete(runnerId);
      out.set(runnerId, now);
    },
    accounted(runnerId) {
      out.delete(runnerId);
    },
    check(live, now, wallNow) {
      if (incident !== null) {
        if (!isMass(out.size, out.size + live)) return end("recovered");
        return now - openedAt >= settings.maxIncidentMs ? end("expired") : null;
      }
      // A lapse counts for one window; what is older is an ordinary lapse for good.
      for (const [runnerId, at] of out) {
        if (now - at < windowMs()) break;
        out.delete(runnerId);
      }
      const base = live + out.size;
      if (base < settings.minLive || !isMass(out.size, base)) return null;
      openedAt = now;
      incident = { id: nextId(), provider, startedAtMs: wallNow, base };
      return { kind: "tripped", incident, runnerIds: [...out.keys()], why: "threshold" };
    },
    incidentOf: (runnerId) => (incident !== null && out.has(runnerId) ? incident : null),
    incident: () => incident,
    held: () => (incident === null ? 0 : out.size),
    acknowledge: () => end("acknowledged"),
  };
}

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
