import { DomainError } from "../errors.ts";
import { RunnerKind } from "../runners/enums.ts";
import type { Runner } from "../runners/runner.ts";
import { type Caller, isRunner } from "./caller.ts";

/** What can be done to one runner. */
export type RunnerAction = "read" | "update" | "delete" | "mintToken";

declare const granted: unique symbol;

/** A runner together with the proof that a caller may do `Action` to it. Only {@link authorizeRunner} makes one. */
export type Authorized<Action extends RunnerAction> = Runner & { readonly [granted]: Action };

/** Which runners a caller sees. Every list takes one. */
export interface RunnerScope {
  readonly organizationId: string;
  /** Null: every runner of the organisation. */
  readonly onlyId: string | null;
}

/** The error for a runner that does not exist, or that the caller may not know of. */
export function runnerNotFound(): DomainError {
  return new DomainError("not_found", "runner not found", { reason: "RUNNER_NOT_FOUND" });
}

/**
 * Proves that the caller may do `action` to the runner.
 * @param runner as stored, or null when there is none.
 * @throws DomainError `not_found` for what the caller may not see, `permission_denied` for what it sees but may
 *   not do, `failed_precondition` for deleting the runner that the server keeps.
 */
export function authorizeRunner<Action extends RunnerAction>(
  caller: Caller,
  action: Action,
  runner: Runner | null,
): Authorized<Action> {
  if (runner === null || !sees(caller, runner)) throw runnerNotFound();
  if (action !== "read") {
    if (isRunner(caller)) {
      throw new DomainError("permission_denied", "a runner's token cannot change the runner", {
        reason: "RUNNER_TOKEN",
      });
    }
    if (action !== "update" && runner.kind === RunnerKind.LOCAL_CONFIGURATION) {
      const refused = action === "delete" ? "deleted" : "bootstrapped";
      throw new DomainError("failed_precondition", `the LOCAL_CONFIGURATION runner cannot be ${refused}`, {
        reason: "LOCAL_CONFIGURATION_IS_SERVER_MADE",
      });
    }
  }
  return runner as Authorized<Action>;
}

/**
 * The permission that an earlier caller had when it asked for the deletion that now completes.
 * @throws Error when nobody asked for one.
 */
export function deletionAskedFor(runner: Runner): Authorized<"delete"> {
  if (runner.deletionRequestedAt === null) throw new Error("nobody asked for the deletion of this runner");
  return runner as Authorized<"delete">;
}

/** The permission of the operator who switched the removal of stale runners on. */
export function staleRemoval(runner: Runner): Authorized<"delete"> {
  return runner as Authorized<"delete">;
}

/** @throws DomainError `permission_denied` when the caller may not register runners. */
export function authorizeRunnerCreation(caller: Caller): void {
  if (isRunner(caller)) {
    throw new DomainError("permission_denied", "a runner's token cannot register runners", {
      reason: "RUNNER_TOKEN",
    });
  }
}

/** The runners that a list may show the caller. */
export function runnerScope(caller: Caller): RunnerScope {
  return { organizationId: caller.organizationId, onlyId: isRunner(caller) ? caller.id : null };
}

function sees(caller: Caller, runner: Runner): boolean {
  return runner.organizationId === caller.organizationId && (!isRunner(caller) || caller.id === runner.id);
}
