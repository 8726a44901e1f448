import { type Authorized, deletionAskedFor, staleRemoval } from "../domain/access/runners.ts";
import { planDeletion, windDownLeftMs } from "../domain/leases/deletion.ts";
import type { LeaseEngine } from "../domain/leases/engine.ts";
import { LeaseState } from "../domain/leases/lease.ts";
import type { LeaseSettings } from "../domain/leases/settings.ts";
import { storedStanding } from "../domain/leases/status.ts";
import { RunnerPhase } from "../domain/runners/enums.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/store.ts";
import type { AgentStreams } from "./agent-streams.ts";
import type { FollowUp } from "./follow-up.ts";
import type { RunnerIdentity } from "./known-runners.ts";

export interface DeletionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly settings: LeaseSettings;
  readonly engine: LeaseEngine;
  readonly agentStreams: AgentStreams;
  readonly followUp: FollowUp;
  /** Told of each runner that takes nothing new any more. */
  readonly onInactive: (runnerId: string) => void;
}

/** How runners go: a live one drains first, one that is offline or forced out is removed at once. */
export class Deletions {
  readonly #options: DeletionsOptions;

  constructor(options: DeletionsOptions) {
    this.#options = options;
  }

  /** Goes on with the deletions that the last run left unfinished. */
  async restore(): Promise<void> {
    const { store, clock, settings, engine, followUp } = this.#options;
    for (const runner of await store.leases.deleting()) {
      const left = windDownLeftMs(runner.deletionRequestedAt ?? 0, clock.now(), settings.windDownMs);
      if (!engine.windDown(runner.id, left)) await followUp.remove(deletionAskedFor(runner));
    }
  }

  /**
   * Deletes a runner: a live one is asked to drain first unless it is forced out.
   * @returns false when it is gone already
   */
  async delete(runner: Authorized<"delete">, force: boolean): Promise<boolean> {
    const { store, clock, engine, followUp, agentStreams, onInactive } = this.#options;
    const live = engine.view(runner.id)?.state === LeaseState.LIVE;
    if (planDeletion(force, live) === "delete_now") return followUp.remove(runner);
    if (!(await store.runners.requestDeletion(runner, clock.now()))) return false;
    if (!engine.windDown(runner.id)) return followUp.remove(runner);
    onInactive(runner.id);
    agentStreams.tell(runner.id, "wind_down");
    await followUp.flush();
    return true;
  }

  /**
   * Removes a runner that has been offline since before a time, if that still holds now.
   * @returns whether it did
   */
  async removeStale({ id, organizationId }: RunnerIdentity, offlineBefore: number): Promise<boolean> {
    const { store, engine, followUp } = this.#options;
    const runner = await store.runners.get(organizationId, id);
    if (runner === null || runner.deletionRequestedAt !== null) return false;
    const view = engine.view(id);
    // A mass lapse that still lasts says nothing of the single runner.
    const isUnreachable = (view?.incident ?? null) !== null;
    if (runner.spec.desiredPhase === RunnerPhase.INACTIVE || isUnreachable) return false;
    const standing = view ?? storedStanding(runner.lease);
    if (standing.state === LeaseState.LIVE) return false;
    if (Math.max(runner.createdAt, standing.sinceMs) >= offlineBefore) return false;
    return followUp.remove(staleRemoval(runner));
  }
}
