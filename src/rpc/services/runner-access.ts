import type { Caller } from "../../domain/access/caller.ts";
import { ResourceType } from "../../domain/access/resources.ts";
import { ResourceRole, type RunnerRole } from "../../domain/access/roles.ts";
import {
  type Authorized,
  authorizeRunner,
  checkRunner,
  needsSharedRole,
  type RunnerAction,
} from "../../domain/access/runners.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import { type Awaitable, after } from "../../lib/awaitable.ts";
import type { Store } from "../../store/store.ts";

type RunnerReader = Pick<Store, "runners" | "access">;

/**
 * The runner of that id, with the proof that the caller may do `action` to it.
 * @throws DomainError as {@link authorizeRunner} does
 */
export function authorizedRunner<A extends RunnerAction>(
  store: RunnerReader,
  caller: Caller,
  action: A,
  id: string,
): Awaitable<Authorized<A>> {
  return after(runnerFacts(store, caller, id), ({ runner, shared }) =>
    authorizeRunner(caller, action, runner, shared),
  );
}

/** The runner of that id as the store gives it. @throws DomainError when the caller may not read it */
export function readableRunner(store: RunnerReader, caller: Caller, id: string): Awaitable<Runner> {
  return after(runnerFacts(store, caller, id), ({ runner, shared }) =>
    checkRunner(caller, "read", runner, shared),
  );
}

interface RunnerFacts {
  readonly runner: Runner | null;
  readonly shared: RunnerRole | null;
}

/** A runner of the caller's organisation, and the highest role that the caller's groups hold on it. */
export function runnerFacts(store: RunnerReader, caller: Caller, id: string): Awaitable<RunnerFacts> {
  return after(store.runners.get(caller.organizationId, id.toLowerCase()), (runner) => {
    if (runner === null || !needsSharedRole(caller, runner)) return { runner, shared: null };
    return sharedRole(store, caller, runner).then((shared) => ({ runner, shared }));
  });
}

async function sharedRole(store: RunnerReader, caller: Caller, runner: Runner): Promise<RunnerRole | null> {
  const resource = { resourceType: ResourceType.RUNNER, resourceId: runner.id };
  const roles = await store.access.rolesOn(caller.organizationId, resource, caller.authority.groupIds);
  if (roles.includes(ResourceRole.RUNNER_ADMIN)) return ResourceRole.RUNNER_ADMIN;
  return roles.includes(ResourceRole.RUNNER_USER) ? ResourceRole.RUNNER_USER : null;
}
