import { setImmediate } from "node:timers/promises";
import { RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import { Exposition } from "../../domain/metrics/exposition.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Store } from "../../store/store.ts";
import { readableRunner } from "./runner-access.ts";

interface Deps {
  readonly store: Store;
  readonly registry: RunnerRegistry;
  readonly clock: Clock;
}

/** How many runners are looked at between two turns for other work. */
const runnersPerTurn = 50;

/**
 * What the runners that the reader sees pushed, in the Prometheus text format with the runner's id, name and provider
 * as labels.
 */
export async function runnerMetrics({ store, registry, clock }: Deps, reader: Caller): Promise<string> {
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

async function visibleRunner(store: Store, caller: Caller, id: string): Promise<Runner | null> {
  try {
    return await readableRunner(store, caller, id);
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}
