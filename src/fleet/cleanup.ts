import type { Logger } from "pino";
import { type CleanupPlan, planCleanup } from "../domain/leases/cleanup.ts";
import type { LeaseSettings } from "../domain/leases/settings.ts";
import { RunnerPhase } from "../domain/runners/enums.ts";
import type { Runner } from "../domain/runners/runner.ts";
import type { Clock } from "../lib/clock.ts";
import type { LeaseStore } from "../store/store.ts";
import type { RunnerRegistry } from "./fleet.ts";

/** How often stale runners are looked for, in milliseconds. */
export const cleanupEveryMs = 60 * 60 * 1000;

export interface CleanupOptions {
  readonly leases: LeaseStore;
  readonly registry: RunnerRegistry;
  readonly settings: LeaseSettings;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Finds runners that have been offline for long; removes them only if an operator switched that on. */
export class Cleanup {
  readonly #options: CleanupOptions;
  readonly #startedAt: number;
  /** Wall clock minus monotonic clock at the start: a later difference means that the wall clock was stepped. */
  readonly #offset: number;

  constructor(options: CleanupOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    this.#offset = options.clock.now() - this.#startedAt;
  }

  async sweep(): Promise<void> {
    const { leases, registry, settings, clock, log } = this.#options;
    const now = clock.now();
    const monotonic = clock.monotonic();
    const offline = await allOffline(leases, now - settings.cleanup.staleAfterMs);
    const plan = planStale(offline, settings, (id) => registry.isUnreachable(id), {
      nowMs: now,
      uptimeMs: monotonic - this.#startedAt,
      clockDriftMs: now - monotonic - this.#offset,
    });
    if (plan.stale.length > 0) {
      log.info(
        { stale: plan.stale.length, removing: plan.remove.length },
        "runners are stale; see rollcall stale",
      );
    }
    const byId = new Map(offline.map((runner) => [runner.id, runner]));
    for (const id of plan.remove) {
      const runner = byId.get(id);
      const before = now - settings.cleanup.staleAfterMs;
      if (runner === undefined || !(await registry.removeStale(runner, before))) continue;
      log.info({ runner: id, name: runner.name }, "stale runner removed");
    }
  }
}

/** As much of a runner as the clean-up asks for: there may be very many. */
export interface OfflineRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  /** Wall-clock milliseconds. */
  readonly offlineSinceMs: number;
  readonly paused: boolean;
}

const pageSize = 500;

/** Every runner that has been offline since before a time, read in pages so that calls get their turn between. */
export async function allOffline(leases: LeaseStore, before: number): Promise<OfflineRecord[]> {
  const found: OfflineRecord[] = [];
  for (let after: string | null = null; ; ) {
    const page: readonly Runner[] = await leases.offlineSince(before, { limit: pageSize, after });
    found.push(...page.map(offlineRecord));
    if (page.length < pageSize) return found;
    after = page.at(-1)?.id ?? null;
    await new Promise(setImmediate);
  }
}

function offlineRecord(runner: Runner): OfflineRecord {
  return {
    id: runner.id,
    organizationId: runner.organizationId,
    name: runner.name,
    offlineSinceMs: Math.max(runner.createdAt, runner.lease.sinceMs),
    paused: runner.spec.desiredPhase === RunnerPhase.INACTIVE,
  };
}

/** The clean-up of these runners, as both the server and `rollcall stale` see it. */
export function planStale(
  offline: readonly OfflineRecord[],
  settings: LeaseSettings,
  isUnreachable: (runnerId: string) => boolean,
  conditions: Parameters<typeof planCleanup>[2],
): CleanupPlan {
  const candidates = offline.map(({ id, offlineSinceMs, paused }) => ({
    runnerId: id,
    offlineSinceMs,
    unreachable: isUnreachable(id),
    paused,
  }));
  return planCleanup(candidates, settings.cleanup, conditions);
}
