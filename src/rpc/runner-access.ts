import type { Caller } from "../domain/access/caller.ts";
import { ResourceType } from "../domain/access/resources.ts";
import { ResourceRole, type RunnerRole } from "../domain/access/roles.ts";
import {
  type Authorized,
  authorizeRunner,
  needsSharedRole,
  type RunnerAction,
} from "../domain/access/runners.ts";
import type { Runner } from "../domain/runners/runner.ts";
import type { Store } from "../store/store.ts";

type RunnerReader = Pick<Store, "runners" | "access">;

/**
 * The runner of that id, with the proof that the caller may do `action` to it.
 * @throws DomainError as {@link authorizeRunner} does
 */
export async function authorizedRunner<A extends RunnerAction>(
  store: RunnerReader,
  caller: Caller,
  action: A,
  id: string,
): Promise<Authorized<A>> {
  const { runner, shared } = await runnerFacts(store, caller, id);
  return authorizeRunner(caller, action, runner, shared);
}

/** A runner of the caller's organisation, and the highest role that the caller's groups hold on it. */
export async function runnerFacts(
  store: RunnerReader,
  caller: Caller,
  id: string,
): Promise<{ runner: Runner | null; shared: RunnerRole | null }> {
  const runner = await store.runners.get(caller.organizationId, id.toLowerCase());
  const asked = runner !== null && needsSharedRole(caller, runner);
  return { runner, shared: asked ? await sharedRole(store, caller, runner) : null };
}

async function sharedRole(store: RunnerReader, caller: Caller, runner: Runner): Promise<RunnerRole | null> {
  const resource = { resourceType: ResourceType.RUNNER, resourceId: runner.id };
  const roles = await store.access.rolesOn(caller.organizationId, resource, caller.authority.groupIds);
  if (roles.includes(ResourceRole.RUNNER_ADMIN)) return ResourceRole.RUNNER_ADMIN;
  return roles.includes(ResourceRole.RUNNER_USER) ? ResourceRole.RUNNER_USER : null;
}
