import { createPacer, type Pacer } from "../domain/leases/pacer.ts";
import type { Clock } from "../lib/clock.ts";
import type { LeaseStore } from "../store/store.ts";

/** Tells watchers of the runners of a mass lapse, a few a second, so that they are not drowned. */
export class Announcer {
  readonly #leases: LeaseStore;
  readonly #clock: Clock;
  readonly #pacer: Pacer;
  readonly #organizations = new Map<string, string>();

  constructor(leases: LeaseStore, clock: Clock, eventsPerSecond: number) {
    this.#leases = leases;
    this.#clock = clock;
    this.#pacer = createPacer(eventsPerSecond);
  }

  /** How many runners are still to be told of. */
  get waiting(): number {
    return this.#organizations.size;
  }

  offer(runnerId: string, organizationId: string): void {
    this.#organizations.set(runnerId, organizationId);
    this.#pacer.offer(runnerId);
  }

  /** Writes the events that may go out now. @returns milliseconds until more may, Infinity when nobody waits */
  async announce(): Promise<number> {
    await this.#write(this.#pacer.take(this.#clock.monotonic()));
    return this.#pacer.nextMs(this.#clock.monotonic()) ?? Number.POSITIVE_INFINITY;
  }

  /** Writes all that wait, at the end of a run: whoever resumes a watch later must find them. */
  async finish(): Promise<void> {
    await this.#write([...this.#organizations.keys()]);
  }

  async #write(runnerIds: readonly string[]): Promise<void> {
    const lapsed = runnerIds.map((id) => ({ id, organizationId: this.#organizations.get(id) ?? "" }));
    for (const { id } of lapsed) this.#organizations.delete(id);
    if (lapsed.length === 0) return;
    try {
      await this.#leases.announce(lapsed, this.#clock.now());
    } catch (error) {
      // A full disk, say: they wait for another turn.
      for (const { id, organizationId } of lapsed) this.offer(id, organizationId);
      throw error;
    }
  }
}
