import { createPacer, type Pacer } from "../domain/leases/pacer.ts";
import type { LeaseSettings } from "../domain/leases/settings.ts";
import { RateLimiter } from "../domain/limits/rate-limiter.ts";
import type { Clock } from "../lib/clock.ts";
import type { LeaseStore } from "../store/store.ts";

/** A runner whose changes are told later. */
interface Later {
  readonly organizationId: string;
  /** Monotonic milliseconds. */
  readonly dueAt: number;
}

/**
 * Bounds how often watchers are told of runners: of those of a mass lapse a few a second, so that they are not drowned,
 * and of one runner so often in a minute, so that one that keeps changing its mind does not fill the disk. Whatever is not
 * told at once is told later, with what holds then: an event carries nothing but an id.
 */
export class Announcer {
  readonly #leases: LeaseStore;
  readonly #clock: Clock;
  readonly #pacer: Pacer;
  readonly #perRunner: RateLimiter;
  /** Those that wait for their turn among all. */
  readonly #organizations = new Map<string, string>();
  /** Those that have had their share of the minute. */
  readonly #later = new Map<string, Later>();

  constructor(leases: LeaseStore, clock: Clock, settings: LeaseSettings) {
    const { brake, statusEventsPerMinute } = settings;
    this.#leases = leases;
    this.#clock = clock;
    this.#pacer = createPacer(brake.eventsPerSecond);
    this.#perRunner = new RateLimiter({
      perSecond: statusEventsPerMinute / 60,
      burst: statusEventsPerMinute,
    });
  }

  /** How many runners are still to be told of. */
  get waiting(): number {
    return this.#organizations.size + this.#later.size;
  }

  offer(runnerId: string, organizationId: string): void {
    this.#later.delete(runnerId);
    this.#organizations.set(runnerId, organizationId);
    this.#pacer.offer(runnerId);
  }

  /** Whether a change of a runner may be told at once. If not, it will be told by announce(). */
  admits(runnerId: string, organizationId: string): boolean {
    if (this.#later.has(runnerId)) return false;
    const now = this.#clock.monotonic();
    const waitMs = this.#perRunner.take(runnerId, now);
    if (waitMs === 0) return true;
    if (!this.#organizations.has(runnerId))
      this.#later.set(runnerId, { organizationId, dueAt: now + waitMs });
    return false;
  }

  /** Writes the events that may go out now. @returns milliseconds until more may, Infinity when none waits */
  async announce(): Promise<number> {
    const now = this.#clock.monotonic();
    for (const [runnerId, { organizationId, dueAt }] of [...this.#later]) {
      if (dueAt > now) continue;
      this.#perRunner.take(runnerId, now);
      this.offer(runnerId, organizationId);
    }
    await this.#write(this.#pacer.take(now));
    return Math.min(this.#pacer.nextMs(now) ?? Number.POSITIVE_INFINITY, this.#nextLaterMs(now));
  }

  /** Writes all that wait, at the end of a run: a client that resumes a watch later must find them. */
  async finish(): Promise<void> {
    for (const [runnerId, { organizationId }] of [...this.#later]) this.offer(runnerId, organizationId);
    await this.#write([...this.#organizations.keys()]);
  }

  #nextLaterMs(now: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#later.values()) nextMs = Math.min(nextMs, Math.max(dueAt - now, 0));
    return nextMs;
  }

  async #write(runnerIds: readonly string[]): Promise<void> {
    const changed = runnerIds.map((id) => ({ id, organizationId: this.#organizations.get(id) ?? "" }));
    for (const { id } of changed) this.#organizations.delete(id);
    if (changed.length === 0) return;
    try {
      await this.#leases.announce(changed, this.#clock.now());
    } catch (error) {
      // A full disk, say: they wait for another turn.
      for (const { id, organizationId } of changed) this.offer(id, organizationId);
      throw error;
    }
  }
}
