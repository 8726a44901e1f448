import { DomainError } from "../errors.ts";

/** The machine that starts and stops one MANAGED runner. */
export interface RunnerManager {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  /** Wall-clock milliseconds. */
  readonly createdAt: number;
}

export function runnerManagerNotFound(): DomainError {
  return new DomainError("not_found", "runner manager not found", { reason: "RUNNER_MANAGER_NOT_FOUND" });
}

/** The error for deleting a manager whose runner is still there. */
export function runnerManagerInUse(): DomainError {
  return new DomainError("failed_precondition", "the runner manager has a runner; delete the runner first", {
    reason: "RUNNER_MANAGER_IN_USE",
  });
}
