import type { Clock } from "../../lib/clock.ts";
import type { RunnerProvider } from "../runners/enums.ts";
import { LeaseBook, type PutOff } from "./book.ts";
import type {
  DurableChange,
  LeaseCounts,
  LeaseListener,
  LeaseView,
  Refused,
  Renewal,
  RenewalGranted,
  SignOffGranted,
} from "./events.ts";
import { renewAfterMs } from "./jitter.ts";
import { type LastSeen, type Lease, type LeaseFacts, LeaseState } from "./lease.ts";
import type { LongestLease } from "./longest-leases.ts";
import { fence, type RefusalReason } from "./refusal.ts";
import { type LeaseSettings, saveSeenMs, timingFor } from "./settings.ts";
import { createStretch, type LoadSample, StallWatch, type Stretch } from "./stretch.ts";

export interface LeaseEngineOptions {
  readonly clock: Clock;
  readonly settings: LeaseSettings;
  readonly listener: LeaseListener;
}

/**
 * All leases, in memory. It does no I/O and starts no timer: call tick() after nextDueMs(), over and over.
 *
 * A lease lapses in the first tick at or after its deadline, never before it. After a stall of the server it
 * lapses at most `stall.maxPostponements` × `stall.marginMs` of running time later than that.
 */
export class LeaseEngine {
  readonly #clock: Clock;
  readonly #settings: LeaseSettings;
  readonly #listener: LeaseListener;
  readonly #book: LeaseBook;
  readonly #stalls: StallWatch;
  readonly #stretch: Stretch;
  readonly #putOff: PutOff;

  constructor(options: LeaseEngineOptions) {
    this.#clock = options.clock;
    this.#settings = options.settings;
    this.#listener = options.listener;
    this.#stalls = new StallWatch(options.settings.stall, options.clock.monotonic());
    this.#putOff = (postponed, now) => this.#stalls.putOffUntil(postponed, now);
    this.#stretch = createStretch(options.settings.stretch);
    const windowMs = (provider: RunnerProvider) => this.#windowMs(provider);
    this.#book = new LeaseBook(options.clock, options.listener, options.settings, windowMs);
  }

  /** Takes a runner in that has no live lease here. One that is in memory already stays as it is. */
  admit(facts: LeaseFacts): void {
    this.#book.admit(facts);
  }

  /**
   * Takes the runners in that were live when the server stopped, before it accepts the first call: each lease gets one
   * full length, as long as it may have been granted then or would be now, plus a margin. One that `restart.maxUnheard`
   * restarts in a row have carried over unheard ends when that length has passed since its runner was heard, so that a
   * server in a crash loop keeps no dead runner alive.
   */
  restore(live: Iterable<LeaseFacts>, longest: readonly LongestLease[] = []): void {
    const now = this.#clock.monotonic();
    const wallNow = this.#clock.now();
    const { marginMs, maxUnheard } = this.#settings.restart;
    const granted = new Map(longest.map(({ provider, leaseMs }) => [provider, leaseMs]));
    for (const facts of live) {
      const leaseMs = Math.max(this.leaseMs(facts.provider), granted.get(facts.provider) ?? 0);
      const carried = (facts.unheardRestarts ?? 0) < maxUnheard;
      const leftMs = facts.lastSeenMs + saveSeenMs + leaseMs - wallNow;
      this.#book.restore(
        facts,
        now + (carried ? leaseMs + marginMs : Math.min(leaseMs, Math.max(0, leftMs))),
      );
    }
  }

  /**
   * Hears a runner. It is heard even when its deadline has passed since the last tick.
   * @throws Error when the runner was not admitted
   */
  renew(runnerId: string, renewal: Renewal): RenewalGranted | Refused {
    const now = this.#look();
    const lease = this.#book.need(runnerId);
    if (renewal.generation !== 0) {
      const reason = fence(renewal.generation, lease.generation, isOver(lease.state));
      if (reason !== null) return { ok: false, reason };
    }
    const leaseMs = this.leaseMs(lease.provider);
    this.#book.hear(lease, renewal, now + leaseMs);
    const factor = this.#stretch.factor();
    return {
      ok: true,
      generation: lease.generation,
      renewAfterMs: renewAfterMs(lease.place, this.#windowMs(lease.provider), now),
      leaseMs,
      stretchPercent: factor > 1 ? Math.round(factor * 100) : 0,
      windDownMs: this.#book.windDowns.leftMs(runnerId, now),
      durable: durableChange(lease),
    };
  }

  /** Says that a change is on disk. Not confirmed, it is named again by the next renewal. */
  confirm(runnerId: string, version: number): void {
    const lease = this.#book.get(runnerId);
    if (lease !== undefined) lease.storedVersion = Math.max(lease.storedVersion, version);
  }

  /** A clean leave. Repeating it is granted and changes nothing. @throws Error when the runner was not admitted */
  signOff(runnerId: string, generation: number): SignOffGranted | Refused {
    this.#look();
    const lease = this.#book.need(runnerId);
    const reason = fence(generation, lease.generation, lease.state === LeaseState.REVOKED);
    if (reason !== null) return { ok: false, reason };
    if (lease.state !== LeaseState.SIGNED_OFF) this.#book.end(lease, LeaseState.SIGNED_OFF, "signed_off");
    return { ok: true, durable: durableChange(lease) };
  }

  /** May this generation act (watch, report metrics)? @returns null when it may */
  check(runnerId: string, generation: number): RefusalReason | null {
    const lease = this.#book.need(runnerId);
    return fence(generation, lease.generation, isOver(lease.state));
  }

  /** Ends a lease because the runner's credentials were revoked. */
  revoke(runnerId: string): DurableChange | null {
    this.#look();
    const lease = this.#book.get(runnerId);
    if (lease === undefined || isOver(lease.state) || lease.generation === 0) return null;
    this.#book.end(lease, LeaseState.REVOKED, "revoked");
    return durableChange(lease);
  }

  /** The runner is deleted: nothing is kept of it and nothing is told. */
  forget(runnerId: string): void {
    this.#book.forget(runnerId);
  }

  /**
   * Asks a live runner to drain; `wind_down_over` tells when it may be deleted.
   * @param leftMs less than the whole time after a restart (deletion.ts)
   * @returns false when it is not live: delete it at once
   */
  windDown(runnerId: string, leftMs: number = this.#settings.windDownMs): boolean {
    const now = this.#advance();
    if (this.#book.get(runnerId)?.state !== LeaseState.LIVE) return false;
    this.#book.windDowns.start(runnerId, now + leftMs);
    return true;
  }

  /** Lapses what is due, ends what has wound down. */
  tick(): void {
    this.#book.endWindDowns(this.#advance());
  }

  /** Milliseconds until the next tick is wanted: whole, at least 0, at most `stall.tickMs`. */
  nextDueMs(): number {
    const now = this.#clock.monotonic();
    const next = Math.min(now + this.#settings.stall.tickMs, this.#book.nextAt());
    return Math.max(0, Math.ceil(next - now));
  }

  /** The lease as it stands now, lapses that no tick has found yet included; null when not in memory. */
  view(runnerId: string): LeaseView | null {
    const now = this.#advance();
    const lease = this.#book.get(runnerId);
    if (lease === undefined) return null;
    const live = lease.state === LeaseState.LIVE;
    return {
      state: lease.state,
      generation: lease.generation,
      phase: lease.phase,
      appliedSpecRevision: lease.appliedSpecRevision,
      sinceMs: lease.sinceMs,
      lastSeenMs: lease.lastSeenMs,
      leftMs: live ? lease.deadline - now : null,
      incident: live ? null : this.#book.brakes.incidentOf(lease.provider, runnerId),
      windDownMs: this.#book.windDowns.leftMs(runnerId, now),
    };
  }

  /** How many leases are live now; of one provider, or of all. */
  liveCount(provider?: RunnerProvider): number {
    this.#advance();
    return provider === undefined ? this.#book.liveCount : this.#book.live.of(provider);
  }

  counts(): LeaseCounts {
    this.#advance();
    const { live, brakes, windDowns } = this.#book;
    return { live: live.all(), incidents: brakes.incidents(), windingDown: windDowns.size };
  }

  /** Who was heard since the last call, to be stored. Not copies, a fleet is large: each tells when it was heard last. */
  takeLastSeen(): readonly LastSeen[] {
    return this.#book.takeLastSeen();
  }

  /** They could not be stored: the next takeLastSeen() names them again. */
  keepUnsaved(seen: readonly LastSeen[]): void {
    this.#book.keepUnsaved(seen);
  }

  /** Takes a sample of the server's load. @returns the interval's new factor when it changed, else null */
  sampleLoad(load: LoadSample): number | null {
    return this.#stretch.sample(load);
  }

  /** By how much intervals are longer than normal now: 1 up to the cap. */
  stretchFactor(): number {
    return this.#stretch.factor();
  }

  /** How long a lease is that is granted now, in milliseconds. */
  leaseMs(provider: RunnerProvider): number {
    return this.#windowMs(provider) + timingFor(this.#settings, provider).graceMs;
  }

  /** Ends a provider's incident because an operator says so. @returns false when there is none */
  acknowledgeIncident(provider: RunnerProvider): boolean {
    const change = this.#book.brakes.acknowledge(provider);
    if (change !== null) this.#book.tellIncident(change);
    return change !== null;
  }

  #windowMs(provider: RunnerProvider): number {
    return timingFor(this.#settings, provider).intervalMs * this.#stretch.factor();
  }

  /** Looks at the clock, which is how stalls are noticed. @returns monotonic ms */
  #look(): number {
    const now = this.#clock.monotonic();
    const stalledMs = this.#stalls.look(now);
    if (stalledMs > 0) this.#listener.stalled(stalledMs);
    return now;
  }

  #advance(): number {
    const now = this.#look();
    this.#book.lapseDue(now, this.#putOff);
    return now;
  }
}

function isOver(state: LeaseState): boolean {
  return state === LeaseState.SIGNED_OFF || state === LeaseState.REVOKED;
}

function durableChange(lease: Lease): DurableChange | null {
  if (lease.version === lease.storedVersion) return null;
  const { version, state, generation, phase, appliedSpecRevision, sinceMs } = lease;
  return { version, state, generation, phase, appliedSpecRevision, sinceMs };
}
