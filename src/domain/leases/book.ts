import type { Clock } from "../../lib/clock.ts";
import { RunnerPhase, type RunnerProvider } from "../runners/enums.ts";
import type { BrakeChange } from "./brake.ts";
import { Brakes } from "./brake.ts";
import { Deadlines } from "./deadlines.ts";
import { WindDowns } from "./deletion.ts";
import type { LeaseListener, LeaseTransition, Renewal, WindDownEnd } from "./events.ts";
import { type LastSeen, Lease, type LeaseFacts, LeaseState } from "./lease.ts";
import { LiveCounts } from "./live-counts.ts";
import type { LeaseSettings } from "./settings.ts";

/** Until when a lease that is due is put off, null for not at all (stall.ts). */
export type PutOff = (postponed: number, now: number) => number | null;

/**
 * The leases and everything that must change together with one: its deadline, the count of live runners, the
 * brake, the wind-down. The engine decides when; the book does it and tells the listener.
 * Times named `now` are monotonic milliseconds.
 */
export class LeaseBook {
  readonly windDowns = new WindDowns();
  readonly live = new LiveCounts();
  readonly brakes: Brakes;
  readonly #clock: Clock;
  readonly #listener: LeaseListener;
  readonly #leases = new Map<string, Lease>();
  readonly #deadlines = new Deadlines<Lease>();

  constructor(
    clock: Clock,
    listener: LeaseListener,
    settings: LeaseSettings,
    windowMs: (provider: RunnerProvider) => number,
  ) {
    this.#clock = clock;
    this.#listener = listener;
    this.brakes = new Brakes(settings, windowMs, (provider) => this.live.of(provider));
  }

  get(runnerId: string): Lease | undefined {
    return this.#leases.get(runnerId);
  }

  /** @throws Error when the runner was not admitted */
  need(runnerId: string): Lease {
    const lease = this.#leases.get(runnerId);
    if (lease === undefined) throw new Error("lease engine: runner was not admitted");
    return lease;
  }

  get liveCount(): number {
    return this.#deadlines.size;
  }

  nextAt(): number {
    return Math.min(this.#deadlines.nextAt(), this.windDowns.nextAt() ?? Number.POSITIVE_INFINITY);
  }

  admit(facts: LeaseFacts): void {
    if (this.#leases.has(facts.runnerId)) return;
    const lease = new Lease(facts);
    if (lease.state === LeaseState.LIVE) lease.state = LeaseState.LAPSED;
    this.#leases.set(lease.runnerId, lease);
  }

  restore(facts: LeaseFacts, deadline: number): void {
    if (this.#leases.has(facts.runnerId)) return;
    const lease = new Lease({ ...facts, state: LeaseState.LIVE });
    this.#leases.set(lease.runnerId, lease);
    this.live.came(lease);
    this.#deadlines.set(lease, deadline);
  }

  /** The runner was heard and its renewal is granted. */
  hear(lease: Lease, renewal: Renewal, deadline: number): void {
    const wallNow = this.#clock.now();
    const opens = renewal.generation === 0;
    const came = lease.state !== LeaseState.LIVE;
    const phase = renewal.phase ?? (opens ? RunnerPhase.ACTIVE : lease.phase);
    const before = lease.phase;
    const rephased = phase !== before;
    const digest = renewal.digest ?? 0;
    const reported = digest !== 0 && digest !== lease.digest;
    const applied = renewal.appliedSpecRevision !== lease.appliedSpecRevision;
    if (opens || came || rephased || reported || applied) lease.version += 1;
    if (came || rephased) lease.sinceMs = wallNow;
    if (opens) lease.generation += 1;
    // Opening without a status blanks the stored message: the next report is news even if it says the same again.
    if (digest !== 0 || opens) lease.digest = digest;
    lease.state = LeaseState.LIVE;
    lease.phase = phase;
    lease.appliedSpecRevision = renewal.appliedSpecRevision;
    lease.postponed = 0;
    lease.lastSeenMs = wallNow;
    lease.unsavedSeen = true;
    if (came) {
      this.live.came(lease);
      this.brakes.accounted(lease.provider, lease.runnerId);
    } else if (rephased) {
      this.live.moved(lease, before);
    }
    this.#deadlines.set(lease, deadline);
    const kind = opens ? "opened" : came ? "returned" : rephased ? "phase" : null;
    if (kind !== null) this.#listener.transition({ kind, ...describe(lease, wallNow) });
  }

  /** Lapses what is due, then lets the brakes decide on all of it together. */
  lapseDue(now: number, putOff: PutOff): void {
    const wallNow = this.#clock.now();
    const due = this.#takeDue(now, putOff);
    for (const lease of due) {
      this.live.left(lease);
      lease.state = LeaseState.LAPSED;
      lease.sinceMs = wallNow;
      lease.version += 1;
      this.brakes.lapsed(lease.provider, lease.runnerId, now);
    }
    for (const change of this.brakes.check(now, wallNow)) this.tellIncident(change);
    for (const lease of due) {
      const incident = this.brakes.incidentOf(lease.provider, lease.runnerId);
      const lateMs = now - lease.deadline;
      this.#listener.transition({ kind: "lapsed", incident, lateMs, ...describe(lease, wallNow) });
      // In a mass lapse silence says nothing about the runner: only its word or the time completes a deletion.
      if (incident === null && this.windDowns.finish(lease.runnerId)) this.#tellWindDown(lease, "lapsed");
    }
  }

  /** Ends the wind-downs whose time is up. */
  endWindDowns(now: number): void {
    for (let id = this.windDowns.popDue(now); id !== undefined; id = this.windDowns.popDue(now)) {
      this.#tellWindDown(this.need(id), "timeout");
    }
  }

  /** Ends the lease and its generation. */
  end(lease: Lease, state: LeaseState, kind: "signed_off" | "revoked"): void {
    const wallNow = this.#clock.now();
    this.#leave(lease);
    lease.state = state;
    lease.sinceMs = wallNow;
    lease.version += 1;
    this.#listener.transition({ kind, ...describe(lease, wallNow) });
    if (this.windDowns.finish(lease.runnerId)) this.#tellWindDown(lease, kind);
  }

  forget(runnerId: string): void {
    const lease = this.#leases.get(runnerId);
    if (lease === undefined) return;
    this.#leave(lease);
    this.windDowns.finish(runnerId);
    this.#leases.delete(runnerId);
  }

  /**
   * In the order in which they were admitted, for most fleets that of their rows: neighbours share pages. Written as they
   * were heard, each row took a page of its own, and three times the CPU.
   */
  takeLastSeen(): readonly LastSeen[] {
    const seen: Lease[] = [];
    for (const lease of this.#leases.values()) {
      if (!lease.unsavedSeen) continue;
      lease.unsavedSeen = false;
      seen.push(lease);
    }
    return seen;
  }

  /** Rolls back that it was taken. */
  keepUnsaved(seen: readonly LastSeen[]): void {
    for (const { runnerId } of seen) {
      const lease = this.#leases.get(runnerId);
      if (lease !== undefined) lease.unsavedSeen = true;
    }
  }

  tellIncident(change: BrakeChange): void {
    this.#listener.incident({ ...change, atMs: this.#clock.now() });
  }

  #takeDue(now: number, putOff: PutOff): readonly Lease[] {
    const due: Lease[] = [];
    for (let lease = this.#deadlines.popDue(now); lease !== undefined; lease = this.#deadlines.popDue(now)) {
      const until = putOff(lease.postponed, now);
      if (until === null) {
        due.push(lease);
      } else {
        lease.postponed += 1;
        this.#deadlines.set(lease, until);
      }
    }
    return due;
  }

  #leave(lease: Lease): void {
    if (lease.state === LeaseState.LIVE) this.live.left(lease);
    this.brakes.accounted(lease.provider, lease.runnerId);
    this.#deadlines.remove(lease);
  }

  #tellWindDown(lease: Lease, why: WindDownEnd): void {
    this.#listener.transition({ kind: "wind_down_over", why, ...describe(lease, this.#clock.now()) });
  }
}

function describe(lease: Lease, atMs: number): Omit<LeaseTransition, "kind" | "incident" | "lateMs" | "why"> {
  const { runnerId, provider, generation, version, state, phase, lastSeenMs } = lease;
  return { runnerId, provider, generation, version, state, phase, atMs, lastSeenMs };
}
