import type { Caller } from "../../domain/access/caller.ts";
import { type AuthorizedResource, authorizeSharing, type ResourceFacts } from "../../domain/access/grants.ts";
import { type AuthorizedGroup, authorizeGroup, type GroupAction } from "../../domain/access/groups.ts";
import { ResourceType } from "../../domain/access/resources.ts";
import type { Resource } from "../../domain/groups/assignment.ts";
import type { Group } from "../../domain/groups/group.ts";
import type { Store } from "../../store/store.ts";
import { runnerFacts } from "./runner-access.ts";

/**
 * The group of that id, with the proof that the caller may do `action` to it.
 * @throws DomainError as {@link authorizeGroup} does
 */
export async function authorizedGroup<A extends GroupAction>(
  store: Store,
  caller: Caller,
  action: A,
  id: string,
): Promise<AuthorizedGroup<A>> {
  return provenGroup(store, caller, action, await store.groups.get(caller.organizationId, id.toLowerCase()));
}

/** As {@link authorizedGroup}, for a group that was read already. */
export async function provenGroup<A extends GroupAction>(
  store: Store,
  caller: Caller,
  action: A,
  group: Group | null,
): Promise<AuthorizedGroup<A>> {
  const held = group === null ? [] : await rolesOnGroup(store, caller, group.id);
  return authorizeGroup(caller, action, group, held);
}

/** The roles that the caller's groups hold on a group. */
export function rolesOnGroup(store: Store, caller: Caller, groupId: string): Promise<readonly number[]> {
  const resource = { resourceType: ResourceType.GROUP, resourceId: groupId };
  return store.access.rolesOn(caller.organizationId, resource, caller.authority.groupIds);
}

/** The proof that the caller may share the resource. @throws DomainError as {@link authorizeSharing} does */
export async function sharableResource(
  store: Store,
  caller: Caller,
  resource: Resource,
): Promise<AuthorizedResource> {
  return authorizeSharing(caller, resource, await resourceFacts(store, caller, resource));
}

/** What must be known of a resource to say who may share it. */
export async function resourceFacts(
  store: Store,
  caller: Caller,
  resource: Resource,
): Promise<ResourceFacts> {
  const { organizationId } = caller;
  const { resourceType, resourceId } = resource;
  if (resourceType === ResourceType.RUNNER) {
    return { kind: "runner", ...(await runnerFacts(store, caller, resourceId)) };
  }
  if (resourceType === ResourceType.GROUP) {
    const group = await store.groups.get(organizationId, resourceId);
    return { kind: "group", group, held: await rolesOnGroup(store, caller, resourceId) };
  }
  return { kind: "other", exists: await store.roles.exists(organizationId, resource) };
}
