import type { Logger } from "pino";
import type { Authorized } from "../domain/access/runners.ts";
import { LeaseEngine } from "../domain/leases/engine.ts";
import type { LeaseCounts, LeaseListener, Renewal } from "../domain/leases/events.ts";
import { RefusalReason, refusalError } from "../domain/leases/refusal.ts";
import type { LeaseSettings } from "../domain/leases/settings.ts";
import { type DerivedStatus, deriveStatus, freshStatus, storedStanding } from "../domain/leases/status.ts";
import type { LoadSample } from "../domain/leases/stretch.ts";
import type { MetricSample } from "../domain/metrics/exposition.ts";
import { RunnerKind, RunnerPhase, type RunnerProvider } from "../domain/runners/enums.ts";
import type { Runner } from "../domain/runners/runner.ts";
import type { OperatorGrant } from "../domain/users/rights.ts";
import { type Awaitable, after } from "../lib/awaitable.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/store.ts";
import { AgentStream, AgentStreams } from "./agent-streams.ts";
import { Announcer } from "./announcer.ts";
import { CarryOver } from "./carry-over.ts";
import { Deletions } from "./deletions.ts";
import { FollowUp } from "./follow-up.ts";
import { KnownRunners, type RunnerIdentity } from "./known-runners.ts";
import { leaseListener } from "./lease-listener.ts";
import { MetricsBoard } from "./metrics-board.ts";
import { type RenewalAnswer, type RenewalNews, Renewals, statusFacts } from "./renewals.ts";

export interface RegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly settings: LeaseSettings;
  readonly log: Logger;
  /** Hears of everything that happens to leases. */
  readonly observer?: LeaseListener;
  /** Hears, at once, of a runner that takes no questions any more: it is paused, has left, or is being deleted. */
  readonly onInactive?: (runnerId: string) => void;
}

/**
 * The live side of the runners: the lease engine, tied to the store, the clock of the process and the open
 * streams. The engine decides; this makes its decisions durable and tells those who wait for them.
 */
export class RunnerRegistry {
  readonly agentStreams = new AgentStreams();
  readonly metrics = new MetricsBoard();
  readonly carryOver: CarryOver;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #settings: LeaseSettings;
  readonly #log: Logger;
  readonly #onInactive: (runnerId: string) => void;
  readonly #engine: LeaseEngine;
  readonly #announcer: Announcer;
  readonly #known: KnownRunners;
  readonly #followUp: FollowUp;
  readonly #renewals: Renewals;
  readonly #deletions: Deletions;

  constructor(options: RegistryOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#settings = options.settings;
    this.#log = options.log.child({ part: "registry" });
    this.#onInactive = options.onInactive ?? (() => {});
    this.#announcer = new Announcer(options.store.leases, options.clock, options.settings);
    this.#engine = new LeaseEngine({
      clock: options.clock,
      settings: options.settings,
      listener: leaseListener({
        log: this.#log,
        observer: options.observer,
        note: (transition) => this.#followUp.note(transition),
        onInactive: this.#onInactive,
        announceLater: (runnerId) => this.#announceLater(runnerId),
      }),
    });
    this.carryOver = new CarryOver(options.store.leases, this.#engine, options.clock);
    this.#known = new KnownRunners(this.#engine, options.store.runners);
    this.#followUp = new FollowUp({
      store: options.store,
      clock: options.clock,
      log: this.#log,
      engine: this.#engine,
      agentStreams: this.agentStreams,
      metrics: this.metrics,
      announcer: this.#announcer,
      organizationOf: (runnerId) => this.#known.get(runnerId)?.organizationId,
      onRemoved: (runnerId) => {
        this.#known.delete(runnerId);
        this.metrics.drop(runnerId);
        this.#onInactive(runnerId);
      },
    });
    this.#deletions = new Deletions({
      store: options.store,
      clock: options.clock,
      settings: options.settings,
      engine: this.#engine,
      agentStreams: this.agentStreams,
      followUp: this.#followUp,
      onInactive: this.#onInactive,
    });
    this.#renewals = new Renewals({
      engine: this.#engine,
      followUp: this.#followUp,
      known: this.#known,
      runners: options.store.runners,
    });
  }

  /** Takes over the leases of the last run. Nothing may call before this has resolved. */
  async restore(): Promise<void> {
    for (const lease of await this.carryOver.takeOver()) this.#known.set(lease.runnerId, lease);
    for (const { id, organizationId } of await this.#store.leases.unannounced()) {
      this.#announcer.offer(id, organizationId);
    }
    await this.#deletions.restore();
  }

  /**
   * Hears a runner; what it reported is durable when this resolves.
   * @throws DomainError with the reason that tells an agent what to do
   */
  renew(who: RunnerIdentity, renewal: Renewal, news: RenewalNews = {}): Awaitable<RenewalAnswer> {
    return this.#renewals.renew(who, renewal, news);
  }

  /** A clean leave, durable when this resolves. @throws DomainError when the generation may not speak */
  async signOff(who: RunnerIdentity, generation: number, signOffReason: string): Promise<void> {
    await this.#known.admit(who);
    const earlier = this.#followUp.flush();
    const granted = this.#engine.signOff(who.id, generation);
    if (!granted.ok) throw refusalError(granted.reason);
    const recorded = granted.durable && this.#followUp.record(who, granted.durable, { signOffReason });
    await Promise.all([recorded, earlier, this.#followUp.flush()]);
  }

  /**
   * Opens a stream for a runner; the caller closes it with agentStreams.remove().
   * @throws DomainError when the generation may not act
   */
  async watch(
    who: RunnerIdentity,
    generation: number,
    applied: number,
    tokenHash: Uint8Array,
  ): Promise<AgentStream> {
    const known = await this.#known.admit(who);
    this.#check(who, generation);
    const stream = new AgentStream(who.id, generation, tokenHash);
    stream.tell("keep_alive");
    if (known.specRevision !== applied) stream.tell("spec");
    if (this.windDownMs(who.id) !== null) stream.tell("wind_down");
    this.agentStreams.add(stream);
    return stream;
  }

  /** Counts a report that a runner is about to make, before it is read. @throws DomainError when it may not report */
  async admitReport(who: RunnerIdentity): Promise<void> {
    await this.#known.admit(who);
    const runner = await this.#store.runners.get(who.organizationId, who.id);
    if (runner === null) throw refusalError(RefusalReason.RUNNER_DELETED);
    if (runner.spec.configuration?.metrics?.managedMetricsEnabled !== true) {
      throw refusalError(RefusalReason.METRICS_NOT_ENABLED);
    }
    this.metrics.admit(who.id, this.#clock.monotonic());
  }

  /** Shows what a runner measured, after admitReport(). @throws DomainError when the generation may not act */
  async report(who: RunnerIdentity, generation: number, samples: readonly MetricSample[]): Promise<void> {
    await this.#known.admit(who);
    this.#check(who, generation);
    this.metrics.put(who.id, samples, this.#clock.monotonic());
  }

  /** Milliseconds that a runner has left to drain; null when it is not asked to. */
  windDownMs(runnerId: string): number | null {
    return this.#engine.view(runnerId)?.windDownMs ?? null;
  }

  /** Whether a mass lapse that still lasts took the runner. */
  isUnreachable(runnerId: string): boolean {
    return (this.#engine.view(runnerId)?.incident ?? null) !== null;
  }

  /** The status of a runner as it is at this moment. */
  observe(runner: Runner): Awaitable<DerivedStatus> {
    // No process stands behind it: there is nothing to bootstrap, and nothing to hint at.
    if (runner.kind === RunnerKind.LOCAL_CONFIGURATION) return freshStatus(runner);
    const standing = this.#engine.view(runner.id) ?? storedStanding(runner.lease);
    return after(statusFacts(runner, standing, this.#store.runners), (facts) =>
      deriveStatus(facts, standing, this.#clock.now(), this.#settings.unusedTokenHintMs),
    );
  }

  /** Passes a changed spec on to the runner. */
  specChanged(runner: Runner): void {
    if (runner.spec.desiredPhase === RunnerPhase.INACTIVE) this.#onInactive(runner.id);
    const known = this.#known.get(runner.id);
    if (known === undefined || known.specRevision === runner.specRevision) return;
    this.#known.set(runner.id, runner);
    this.agentStreams.tell(runner.id, "spec");
  }

  /** Tells the runner that what is set up on it changed; resolves once renewals say so too. */
  async configurationChanged({ id, organizationId }: RunnerIdentity): Promise<void> {
    if (this.#known.get(id) === undefined) return;
    const runner = await this.#store.runners.get(organizationId, id);
    const known = this.#known.get(id);
    if (runner === null || known === undefined) return;
    // Of two changes at once the one that was read first may come last.
    if (runner.configurationRevision <= known.configurationRevision) return;
    this.#known.set(id, { ...known, configurationRevision: runner.configurationRevision });
    this.agentStreams.tell(id, "configuration");
  }

  /** The newest revision of what is set up on a runner; 0 for one that was never heard. */
  configurationRevision(runnerId: string): number {
    return this.#known.get(runnerId)?.configurationRevision ?? 0;
  }

  /** @throws DomainError when this generation of the runner may not act */
  async admit(who: RunnerIdentity, generation: number): Promise<void> {
    await this.#known.admit(who);
    this.#check(who, generation);
  }

  /**
   * Deletes a runner: a live one is asked to drain first unless it is forced out.
   * @returns false when it is gone already
   */
  delete(runner: Authorized<"delete">, force: boolean): Promise<boolean> {
    return this.#deletions.delete(runner, force);
  }

  /**
   * Removes a runner that has been offline since before a time, if that still holds now.
   * @returns whether it did
   */
  removeStale(who: RunnerIdentity, offlineBefore: number): Promise<boolean> {
    return this.#deletions.removeStale(who, offlineBefore);
  }

  /**
   * Ends a provider's incident because an operator says so.
   * @returns how many runners it held; 0 when there was none
   */
  async acknowledgeIncident(operator: OperatorGrant, provider: RunnerProvider): Promise<number> {
    const incident = this.#engine.counts().incidents.find((one) => one.provider === provider);
    if (incident === undefined) return 0;
    // On record before it has an effect. It may end by itself meanwhile.
    await this.#store.leases.noteAcknowledged(operator, provider, this.#clock.now());
    this.#engine.acknowledgeIncident(provider);
    await this.#followUp.flush();
    return incident.runners;
  }

  /** Lapses what is due. @returns milliseconds until it wants to be called again */
  async tick(): Promise<number> {
    this.#engine.tick();
    await Promise.all([this.#followUp.flush(), this.#followUp.retry()]);
    return Math.min(await this.#announcer.announce(), this.#engine.nextDueMs());
  }

  /** Writes what watchers are still to be told, at the end of a run. */
  async finishAnnouncing(): Promise<void> {
    await this.#announcer.finish();
  }

  /** Renewals heard since the last call. */
  takeRenewals(): number {
    return this.#renewals.take();
  }

  /** How everything stands that this looks after, in numbers. */
  counts(): RegistryCounts {
    return {
      ...this.#engine.counts(),
      renewals: this.#renewals.heard,
      stretchFactor: this.#engine.stretchFactor(),
      unwritten: this.#followUp.unwritten,
      unannounced: this.#announcer.waiting,
    };
  }

  /** Tells the engine how busy the server is; it stretches the interval when it must. */
  sampleLoad(load: LoadSample): void {
    const factor = this.#engine.sampleLoad(load);
    if (factor !== null) this.#log.warn({ factor, ...load }, "the renewal interval changed with the load");
  }

  /** Ends the lease and the streams of a runner whose credentials were revoked. */
  async cutOff(runnerId: string): Promise<void> {
    const organizationId = this.#known.get(runnerId)?.organizationId;
    const earlier = this.#followUp.flush();
    const change = this.#engine.revoke(runnerId);
    const isOver = organizationId !== undefined && change !== null;
    const recorded = isOver && this.#followUp.record({ id: runnerId, organizationId }, change, {});
    await Promise.all([recorded, earlier, this.#followUp.flush()]);
  }

  #check(who: RunnerIdentity, generation: number): void {
    const reason = this.#engine.check(who.id, generation);
    if (reason !== null) throw refusalError(reason);
  }

  #announceLater(runnerId: string): void {
    const organizationId = this.#known.get(runnerId)?.organizationId;
    if (organizationId !== undefined) this.#announcer.offer(runnerId, organizationId);
  }
}

/** How everything stands that the registry looks after, in numbers: for metrics. */
export interface RegistryCounts extends LeaseCounts {
  /** Renewals heard since the start, refused ones included. */
  readonly renewals: number;
  /** By how much renewal intervals are longer than normal: 1 up to the cap. */
  readonly stretchFactor: number;
  /** Transitions of leases that are not on disk yet. */
  readonly unwritten: number;
  /** Lapsed runners that watchers are still to be told of. */
  readonly unannounced: number;
}
