import type { Clock } from "../../lib/clock.ts";
import type { CleanupSettings } from "./settings.ts";

/** A runner that is not live, for the clean-up to judge. Times are wall-clock ms. */
export interface OfflineRunner {
  readonly runnerId: string;
  /** When its lease ended, or when it was created if it has never renewed. */
  readonly offlineSinceMs: number;
  /** Whether a mass lapse that still lasts took it. */
  readonly unreachable: boolean;
  /** Whether an operator paused it, and so means to have it back. */
  readonly paused: boolean;
}

/** Why a runner that is old enough is not removed. */
export type HoldReason = "unreachable" | "paused" | "server_just_started" | "clock_stepped";

export interface StaleRunner {
  readonly runnerId: string;
  readonly offlineSinceMs: number;
  readonly staleSinceMs: number;
  /** Wall-clock ms from which it may be removed; null when removal is switched off. */
  readonly removeAtMs: number | null;
  /** The countdown: ms until then, 0 when due; null when removal is switched off. */
  readonly removeInMs: number | null;
  /** Set when something speaks against removing it, whatever its age. */
  readonly held: HoldReason | null;
}

export interface CleanupPlan {
  /** Every stale runner, those to be removed included, oldest first. */
  readonly stale: readonly StaleRunner[];
  /** The runners to remove now. A dry run shows the plan and stops here. */
  readonly remove: readonly string[];
}

export interface CleanupConditions {
  readonly nowMs: number;
  /** How long the server has run, monotonic ms. */
  readonly uptimeMs: number;
  /** How far the wall clock has drifted from the monotonic one since the start, ms, either sign. */
  readonly clockDriftMs: number;
}

/**
 * How far the wall clock has moved away from the monotonic one. A suspended machine counts as well, where its
 * monotonic clock pauses (Linux): what was due in that time should not be removed the moment it wakes.
 * @param start both clocks when the server started, ms
 */
export function clockDriftMs(
  start: { readonly wallMs: number; readonly monotonicMs: number },
  clock: Clock,
): number {
  return clock.now() - start.wallMs - (clock.monotonic() - start.monotonicMs);
}

/** Plans one clean-up. Removes nothing itself, so a dry run and a real one can never disagree. */
export function planCleanup(
  offline: Iterable<OfflineRunner>,
  settings: CleanupSettings,
  conditions: CleanupConditions,
): CleanupPlan {
  const stale: StaleRunner[] = [];
  for (const runner of offline) {
    const staleSinceMs = runner.offlineSinceMs + settings.staleAfterMs;
    if (conditions.nowMs < staleSinceMs) continue;
    const removeAtMs = settings.removeAfterMs === null ? null : staleSinceMs + settings.removeAfterMs;
    stale.push({
      runnerId: runner.runnerId,
      offlineSinceMs: runner.offlineSinceMs,
      staleSinceMs,
      removeAtMs,
      removeInMs: removeAtMs === null ? null : Math.max(0, removeAtMs - conditions.nowMs),
      held: holdReason(runner, settings, conditions),
    });
  }
  stale.sort((a, b) => a.offlineSinceMs - b.offlineSinceMs);
  const remove = stale.filter((runner) => runner.removeInMs === 0 && runner.held === null);
  return { stale, remove: remove.map((runner) => runner.runnerId) };
}

function holdReason(
  runner: OfflineRunner,
  settings: CleanupSettings,
  conditions: CleanupConditions,
): HoldReason | null {
  if (runner.unreachable) return "unreachable";
  if (runner.paused) return "paused";
  if (Math.abs(conditions.clockDriftMs) > settings.clockMarginMs) return "clock_stepped";
  return conditions.uptimeMs < settings.minUptimeMs ? "server_just_started" : null;
}
