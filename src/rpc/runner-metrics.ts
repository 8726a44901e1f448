import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { isRunner } from "../domain/access/caller.ts";
import type { Clock } from "../domain/clock.ts";
import { DomainError } from "../domain/errors.ts";
import { exposition, type SampleGroup } from "../domain/metrics/exposition.ts";
import type { RunnerRegistry } from "../registry/registry.ts";
import type { Store } from "../store/store.ts";
import { authenticate } from "./gate.ts";

interface Deps {
  readonly store: Store;
  readonly registry: RunnerRegistry;
  readonly clock: Clock;
}

/**
 * What the runners of the caller's organisation pushed, in the Prometheus text format with the runner's id, name
 * and provider as labels; null when the caller may not read it.
 */
export async function runnerMetrics(deps: Deps, authorization: string | null): Promise<string | null> {
  const { store, registry, clock } = deps;
  const caller = await authenticate(store.tokens, clock, authorization).catch((error) => {
    if (error instanceof DomainError) return null;
    throw error;
  });
  if (caller === null || isRunner(caller)) return null;
  const groups: SampleGroup[] = [];
  for (const [runnerId, samples] of registry.metrics.current(clock.monotonic())) {
    const runner = await store.runners.get(caller.organizationId, runnerId);
    if (runner === null) continue;
    const provider = RunnerProvider[runner.provider] ?? String(runner.provider);
    const labels = Object.entries({ runner_id: runner.id, runner_name: runner.name, provider });
    groups.push({ labels, samples });
  }
  return exposition(groups);
}
