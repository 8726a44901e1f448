import { setImmediate } from "node:timers/promises";
import { RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import { Exposition } from "../../domain/metrics/exposition.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Store } from "../../store/store.ts";
import type { Callers, Identity } from "../call/callers.ts";
import { readableRunner } from "./runner-access.ts";

interface Deps {
  readonly store: Store;
  readonly callers: Pick<Callers, "identify">;
  readonly registry: RunnerRegistry;
  readonly clock: Clock;
}

/** How many runners are looked at between two turns for other work. */
const runnersPerTurn = 50;

/**
 * What the runners that the caller sees pushed, in the Prometheus text format with the runner's id, name
 * and provider as labels; null when the caller may not read it.
 */
export async function runnerMetrics(deps: Deps, authorization: string | null): Promise<string | null> {
  const { store, callers, registry, clock } = deps;
  const caller = await bearerOf(callers, authorization);
  if (caller === null || isRunner(caller)) return null;
  // Nothing that is decided here is written down with an address.
  const reader = { ...caller, sourceAddress: "", userAgent: "" };
  const shown = new Exposition();
  let seen = 0;
  for (const [runnerId, families] of registry.metrics.current(clock.monotonic())) {
    // Renewals must not wait for a scrape of many runners.
    if (++seen % runnersPerTurn === 0) await setImmediate();
    const runner = await visibleRunner(store, reader, runnerId);
    if (runner === null) continue;
    const provider = RunnerProvider[runner.provider] ?? String(runner.provider);
    const labels = Object.entries({ runner_id: runner.id, runner_name: runner.name, provider });
    shown.add(labels, families);
  }
  return shown.text();
}

async function bearerOf(callers: Deps["callers"], authorization: string | null): Promise<Identity | null> {
  try {
    return await callers.identify(authorization);
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

async function visibleRunner(store: Store, caller: Caller, id: string): Promise<Runner | null> {
  try {
    return await readableRunner(store, caller, id);
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}
