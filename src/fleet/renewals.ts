import type { LeaseEngine } from "../domain/leases/engine.ts";
import type { Renewal } from "../domain/leases/events.ts";
import { RefusalReason, refusalError } from "../domain/leases/refusal.ts";
import type { LeaseStanding, StatusFacts } from "../domain/leases/status.ts";
import type { Runner } from "../domain/runners/runner.ts";
import { type Awaitable, after } from "../lib/awaitable.ts";
import type { RunnerStore, Store } from "../store/store.ts";
import type { FollowUp, LeaseNews } from "./follow-up.ts";
import type { Known, KnownRunners, RunnerIdentity } from "./known-runners.ts";

/** What a renewal brought back. */
export interface RenewalAnswer {
  readonly generation: number;
  readonly renewAfterMs: number;
  readonly leaseMs: number;
  readonly stretchPercent: number;
  readonly configurationRevision: number;
  /** Set while the runner is asked to drain. */
  readonly windDownMs: number | null;
  /** Set when another revision of the spec is wanted than the runner has applied. */
  readonly wanted: Runner | null;
  /** Secrets that were sealed to the runner's key of before cannot be read any more. */
  readonly keyReplaced: boolean;
}

/** What a renewal brought of the runner's own, to keep. */
export type RenewalNews = Pick<LeaseNews, "report" | "configuration">;

interface RenewalsOptions {
  readonly engine: LeaseEngine;
  readonly followUp: FollowUp;
  readonly known: KnownRunners;
  readonly runners: Store["runners"];
}

/** Hears the runners, and counts how often. */
export class Renewals {
  readonly #options: RenewalsOptions;
  #heard = 0;
  #taken = 0;

  constructor(options: RenewalsOptions) {
    this.#options = options;
  }

  /** Since the start. */
  get heard(): number {
    return this.#heard;
  }

  /** Those since the last call. */
  take(): number {
    const taken = this.#taken;
    this.#taken = this.#heard;
    return this.#heard - taken;
  }

  /**
   * Hears a runner; what it reported is durable when this resolves.
   * @throws DomainError with the reason that tells an agent what to do
   */
  renew(who: RunnerIdentity, renewal: Renewal, news: RenewalNews): Awaitable<RenewalAnswer> {
    return after(this.#options.known.admit(who), (known) => this.#hear(who, known, renewal, news));
  }

  #hear(
    who: RunnerIdentity,
    { specRevision, configurationRevision }: Known,
    renewal: Renewal,
    news: RenewalNews,
  ): Awaitable<RenewalAnswer> {
    const { engine, followUp } = this.#options;
    // A lapse that a reader found a moment ago is older than this renewal, and must be written before it.
    const earlier = followUp.flush();
    const granted = engine.renew(who.id, renewal);
    this.#heard += 1;
    if (!granted.ok) throw refusalError(granted.reason);
    const { durable, generation, renewAfterMs, leaseMs, stretchPercent, windDownMs } = granted;
    const recorded = durable === null ? null : followUp.record(who, durable, news);
    const later = followUp.flush();
    const times = { renewAfterMs, leaseMs, stretchPercent, windDownMs };
    const answer = { generation, ...times, configurationRevision, wanted: null, keyReplaced: false };
    const isCurrent = specRevision === renewal.appliedSpecRevision;
    // A renewal without news waits for nothing.
    if (isCurrent && recorded === null && earlier === null && later === null) return answer;
    return this.#withNews(who, answer, isCurrent, recorded, [earlier, later]);
  }

  async #withNews(
    who: RunnerIdentity,
    renewed: RenewalAnswer,
    isCurrent: boolean,
    recorded: ReturnType<FollowUp["record"]> | null,
    others: readonly (Promise<void> | null)[],
  ): Promise<RenewalAnswer> {
    const [kept] = await Promise.all([recorded, ...others]);
    if (kept === null && recorded !== null) throw refusalError(RefusalReason.RUNNER_DELETED);
    const answer = { ...renewed, keyReplaced: kept?.keyReplaced ?? false };
    if (isCurrent) return answer;
    return { ...answer, wanted: await this.#options.runners.get(who.organizationId, who.id) };
  }
}

/** What a runner's status is derived from, besides its lease. */
export function statusFacts(
  runner: Runner,
  { generation }: LeaseStanding,
  runners: Pick<RunnerStore, "bootstrapToken">,
): Awaitable<StatusFacts> {
  // Of use to explain why a runner was never heard, and only then.
  const token = generation === 0 ? runners.bootstrapToken(runner.organizationId, runner.id) : null;
  return after(token, (exchangeToken) => ({
    createdAtMs: runner.createdAt,
    desiredPhase: runner.spec.desiredPhase,
    desiredSinceMs: runner.desiredSince,
    deletionAskedAtMs: runner.deletionRequestedAt,
    message: runner.report.message,
    signOffReason: runner.lease.signOffReason,
    exchangeToken,
  }));
}
