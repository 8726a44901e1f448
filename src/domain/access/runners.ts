import { DomainError } from "../errors.ts";
import { RunnerKind } from "../runners/enums.ts";
import type { Runner } from "../runners/runner.ts";
import { type Attribution, systemAttribution } from "./attribution.ts";
import { attributionOf, type Caller, isRunner, refuseRunner, roleMissing } from "./caller.ts";
import { Principal } from "./principal.ts";
import { ResourceRole, type RunnerRole } from "./roles.ts";

/** What can be done to one runner. All but reading it takes an admin of the runner. */
export type RunnerAction = "read" | "update" | "configure" | "delete" | "mintToken" | "readLogs" | "share";

declare const granted: unique symbol;

/** A runner together with the proof that a caller may do `Action` to it. Only {@link authorizeRunner} makes one. */
export type Authorized<Action extends RunnerAction> = Runner & {
  readonly [granted]: Action;
  /** Who does it. */
  readonly by: Attribution;
};

/** The proof that a caller may register runners. Only {@link authorizeRunnerCreation} makes one. */
export interface RunnerCreation {
  readonly [granted]: "create";
  readonly by: Attribution;
}

/** Which runners a caller sees. Every list takes one. */
export interface RunnerScope {
  readonly organizationId: string;
  /** Null: every runner of the organisation. */
  readonly onlyId: string | null;
  /** Null: the caller sees them all; else those that it registered, and those shared with one of its groups. */
  readonly visibleTo: { readonly creatorId: string; readonly groupIds: readonly string[] } | null;
}

/** The error for a runner that does not exist, or that the caller may not know of. */
export function runnerNotFound(): DomainError {
  return new DomainError("not_found", "runner not found", { reason: "RUNNER_NOT_FOUND" });
}

/**
 * Proves that the caller may do `action` to the runner.
 * @param runner as stored, or null when there is none.
 * @param shared the highest role that a group of the caller holds on the runner; see {@link needsSharedRole}.
 * @throws DomainError `not_found` for what the caller may not see, `permission_denied` for what it sees but may
 *   not do, `failed_precondition` for deleting the runner that the server keeps.
 */
export function authorizeRunner<Action extends RunnerAction>(
  caller: Caller,
  action: Action,
  runner: Runner | null,
  shared: RunnerRole | null,
): Authorized<Action> {
  const checked = checkRunner(caller, action, runner, shared);
  return { ...checked, by: attributionOf(caller) } as Authorized<Action>;
}

/** The runner itself, where {@link authorizeRunner} would prove that the caller may do `action` to it. */
export function checkRunner(
  caller: Caller,
  action: RunnerAction,
  runner: Runner | null,
  shared: RunnerRole | null,
): Runner {
  const role = runner && roleOn(caller, runner, shared);
  if (runner === null || role === null) throw runnerNotFound();
  if (action !== "read") {
    refuseRunner(caller);
    if (role !== "admin") throw roleMissing("an admin of the runner");
    if (action !== "update" && action !== "configure" && runner.kind === RunnerKind.LOCAL_CONFIGURATION) {
      const refused = action === "delete" ? "deleted" : "bootstrapped";
      throw new DomainError("failed_precondition", `the LOCAL_CONFIGURATION runner cannot be ${refused}`, {
        reason: "LOCAL_CONFIGURATION_IS_SERVER_MADE",
      });
    }
  }
  return runner;
}

/** Whether it takes the roles of the caller's groups on this runner to decide what the caller may do to it. */
export function needsSharedRole(caller: Caller, runner: Runner): boolean {
  return roleOn(caller, runner, null) === null && !isRunner(caller) && caller.authority.groupIds.length > 0;
}

/**
 * The permission that an earlier caller had when it asked for the deletion that now completes.
 * @throws Error when no caller asked for one.
 */
export function deletionAskedFor(runner: Runner): Authorized<"delete"> {
  if (runner.deletionRequestedAt === null) throw new Error("no caller asked for the deletion of this runner");
  // Who asked is in the audit log; that it is over comes from the runner, or from its silence.
  return { ...runner, by: ownAttribution(runner) } as Authorized<"delete">;
}

/** The permission of the operator who switched the removal of stale runners on. */
export function staleRemoval(runner: Runner): Authorized<"delete"> {
  return {
    ...runner,
    by: systemAttribution(runner.organizationId, "rollcall serve"),
  } as Authorized<"delete">;
}

/** What a runner does on its own account, outside of any call. */
export function ownAttribution(runner: {
  readonly id: string;
  readonly organizationId: string;
}): Attribution {
  const actor = { id: runner.id, principal: Principal.RUNNER };
  return { actor, organizationId: runner.organizationId, sourceAddress: "", userAgent: "" };
}

/**
 * Who registers a runner, with the proof that it may: members of the organisation and admins of its runners.
 * @throws DomainError `permission_denied` when the caller may not register runners.
 */
export function authorizeRunnerCreation(caller: Caller): RunnerCreation {
  refuseRunner(caller);
  const { member, runnersAdmin } = caller.authority;
  if (!member && !runnersAdmin) throw roleMissing("a member of the organisation");
  return { by: attributionOf(caller) } as RunnerCreation;
}

/** The runners that a list may show the caller. */
export function runnerScope(caller: Caller): RunnerScope {
  const { organizationId, id, authority } = caller;
  if (isRunner(caller)) return { organizationId, onlyId: id, visibleTo: null };
  const visibleTo = authority.runnersAdmin ? null : { creatorId: id, groupIds: authority.groupIds };
  return { organizationId, onlyId: null, visibleTo };
}

/** What the caller is to the runner; null when it may not know of it. A runner is a user of itself. */
export function roleOn(caller: Caller, runner: Runner, shared: RunnerRole | null): "admin" | "user" | null {
  if (runner.organizationId !== caller.organizationId) return null;
  if (isRunner(caller)) return caller.id === runner.id ? "user" : null;
  if (caller.authority.runnersAdmin || runner.creator.id === caller.id) return "admin";
  if (shared === null) return null;
  return shared === ResourceRole.RUNNER_ADMIN ? "admin" : "user";
}
