import type { Logger } from "pino";
import { type Authorized, deletionAskedFor } from "../domain/access/runners.ts";
import type { LeaseEngine } from "../domain/leases/engine.ts";
import type { DurableChange, LeaseTransition } from "../domain/leases/events.ts";
import { LeaseState } from "../domain/leases/lease.ts";
import { RefusalReason, refusalError } from "../domain/leases/refusal.ts";
import type { ReportedConfiguration, RunnerReportChange } from "../domain/runners/report.ts";
import type { Clock } from "../lib/clock.ts";
import type { LeaseStore, Store } from "../store/store.ts";
import type { AgentStreams } from "./agent-streams.ts";
import type { Announcer } from "./announcer.ts";
import type { RunnerIdentity } from "./known-runners.ts";
import type { MetricsBoard } from "./metrics-board.ts";

export interface FollowUpOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: LeaseEngine;
  readonly agentStreams: AgentStreams;
  readonly metrics: MetricsBoard;
  readonly announcer: Announcer;
  /** The organisation of a runner that is in memory. */
  readonly organizationOf: (runnerId: string) => string | undefined;
  /** The runner is gone for good. */
  readonly onRemoved: (runnerId: string) => void;
}

/** What goes to disk with a lease. */
export interface LeaseNews {
  readonly report?: RunnerReportChange | undefined;
  readonly configuration?: ReportedConfiguration | undefined;
  readonly signOffReason?: string;
  /** Watchers are told of it later, at a bounded pace. */
  readonly quiet?: boolean;
}

/**
 * Carries out what the lease engine decides: lapses go to disk, streams end, deletions complete. What fails, such as
 * on a full disk, is tried again with every round until it works; readers are told the truth from memory meanwhile.
 */
export class FollowUp {
  readonly #options: FollowUpOptions;
  #decided: LeaseTransition[] = [];
  #failed: LeaseTransition[] = [];
  #underWay = 0;

  constructor(options: FollowUpOptions) {
    this.#options = options;
  }

  /** Decisions that are not carried out yet, or could not be. */
  get unwritten(): number {
    return this.#decided.length + this.#underWay + this.#failed.length;
  }

  /** Notes a decision down; the engine is in the middle of its work and must not be called. */
  note(transition: LeaseTransition): void {
    this.#decided.push(transition);
  }

  /**
   * Carries out what was decided since the last time. Writes are asked for before this returns, so that they keep
   * their place: call it before asking for a newer write of the same runner. Never rejects. Null when there is nothing.
   */
  flush(): Promise<void> | null {
    if (this.#decided.length === 0) return null;
    const decided = this.#decided;
    this.#decided = [];
    return this.#carryOutAll(decided);
  }

  /** Tries again what failed. */
  retry(): Promise<void> {
    const failed = this.#failed;
    this.#failed = [];
    return this.#carryOutAll(failed);
  }

  /** Makes a change of a lease durable; null when the runner is gone. */
  async record(
    { id: runnerId, organizationId }: RunnerIdentity,
    change: DurableChange,
    news: LeaseNews,
  ): ReturnType<LeaseStore["record"]> {
    const { store, clock, engine, announcer } = this.#options;
    const { report, configuration, signOffReason } = news;
    const quiet = news.quiet === true || !announcer.admits(runnerId, organizationId);
    const recorded = await store.leases.record({
      ...change,
      runnerId,
      organizationId,
      lastSeenMs: engine.view(runnerId)?.lastSeenMs ?? 0,
      quiet,
      now: clock.now(),
      ...(report && { report }),
      ...(configuration && { configuration }),
      ...(signOffReason !== undefined && { signOffReason }),
    });
    engine.confirm(runnerId, change.version);
    return recorded;
  }

  /** Removes a runner with everything that is in memory of it. @returns false when it was gone already */
  async remove(runner: Authorized<"delete">): Promise<boolean> {
    const { store, clock, engine, onRemoved } = this.#options;
    const removed = await store.runners.remove(runner, clock.now());
    this.#endStreams(runner.id, RefusalReason.RUNNER_DELETED);
    engine.forget(runner.id);
    onRemoved(runner.id);
    return removed;
  }

  async #carryOutAll(transitions: readonly LeaseTransition[]): Promise<void> {
    this.#underWay += transitions.length;
    await Promise.all(
      transitions.map(async (transition) => {
        try {
          await this.#carryOut(transition);
        } catch (error) {
          const { runnerId: runner, kind } = transition;
          this.#options.log.warn(
            { err: error, runner, kind },
            "a lease transition failed and is tried again",
          );
          this.#failed.push(transition);
        } finally {
          this.#underWay -= 1;
        }
      }),
    );
  }

  async #carryOut(transition: LeaseTransition): Promise<void> {
    const { store, agentStreams, metrics, organizationOf } = this.#options;
    const { runnerId, generation } = transition;
    const organizationId = organizationOf(runnerId);
    if (organizationId === undefined) return;
    switch (transition.kind) {
      case "opened":
        for (const stream of agentStreams.of(runnerId)) {
          if (stream.generation < generation) stream.end(refusalError(RefusalReason.SUPERSEDED));
        }
        return;
      case "returned":
      case "phase":
        return;
      case "signed_off":
        metrics.drop(runnerId);
        return this.#endStreams(runnerId, RefusalReason.GENERATION_ENDED);
      case "revoked":
        metrics.drop(runnerId);
        return this.#endStreams(runnerId, RefusalReason.TOKEN_REVOKED);
      case "lapsed":
        metrics.drop(runnerId);
        return this.#recordLapse(organizationId, transition, transition.incident !== null);
      case "wind_down_over": {
        const runner = await store.runners.get(organizationId, runnerId);
        if (runner !== null) await this.remove(deletionAskedFor(runner));
        return;
      }
      default:
        transition satisfies never;
    }
  }

  async #recordLapse(
    organizationId: string,
    { atMs, ...transition }: LeaseTransition,
    quiet: boolean,
  ): Promise<void> {
    const { runnerId } = transition;
    const view = this.#options.engine.view(runnerId);
    // Heard again since: a newer write says so, and this one must not come behind it.
    if (view === null || view.state === LeaseState.LIVE) return;
    const { appliedSpecRevision } = view;
    await this.record(
      { id: runnerId, organizationId },
      { ...transition, sinceMs: atMs, appliedSpecRevision },
      { quiet },
    );
  }

  #endStreams(runnerId: string, reason: RefusalReason): void {
    for (const stream of this.#options.agentStreams.of(runnerId)) stream.end(refusalError(reason));
  }
}
