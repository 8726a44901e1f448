import { type Awaitable, after } from "../domain/awaitable.ts";
import type { LeaseStanding, StatusFacts } from "../domain/leases/status.ts";
import type { Runner } from "../domain/runners/runner.ts";
import type { RunnerStore } from "../store/store.ts";

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
