import { DomainError } from "../errors.ts";
import { type Group, groupNotFound } from "../groups/group.ts";
import type { Attribution } from "./attribution.ts";
import { attributionOf, type Caller, refuseRunner, roleMissing } from "./caller.ts";
import { ResourceType } from "./resources.ts";
import { ResourceRole } from "./roles.ts";

/**
 * What can be done to one group. All but reading it takes an admin of the group, and deleting it an admin of the
 * organisation's groups.
 */
export type GroupAction = "read" | "update" | "delete" | "changeMembers" | "share";

declare const granted: unique symbol;

/** A group together with the proof that a caller may do `Action` to it. Only {@link authorizeGroup} makes one. */
export type AuthorizedGroup<Action extends GroupAction> = Group & {
  readonly [granted]: Action;
  readonly by: Attribution;
};

/** The proof that a caller may make groups. Only {@link authorizeGroupCreation} makes one. */
export interface GroupCreation {
  readonly [granted]: "create";
  readonly by: Attribution;
}

/** Which groups a caller sees. */
export interface GroupScope {
  readonly organizationId: string;
  /** Null: every group; else the groups that it belongs to or that are shown to one of these groups. */
  readonly groupIds: readonly string[] | null;
}

/**
 * Proves that the caller may do `action` to the group.
 * @param group as stored, or null when there is none.
 * @param held the roles that the caller's groups hold on the group.
 * @throws DomainError `not_found` for what the caller may not see, `permission_denied` for what it sees but may
 *   not do, `failed_precondition` for what the server keeps.
 */
export function authorizeGroup<Action extends GroupAction>(
  caller: Caller,
  action: Action,
  group: Group | null,
  held: readonly number[],
): AuthorizedGroup<Action> {
  refuseRunner(caller);
  if (group === null || !sees(caller, group, held)) throw groupNotFound();
  if (action !== "read") {
    const { orgAdmin, groupsAdmin } = caller.authority;
    // A caller that changes such a group, or its members, could give itself what the group holds.
    if (group.holdsOrganizationRole && !orgAdmin) throw roleMissing("an admin of the organization");
    if (action === "delete" && !groupsAdmin) throw roleMissing("an admin of the organization's groups");
    if (!groupsAdmin && !held.includes(ResourceRole.GROUP_ADMIN)) throw roleMissing("an admin of the group");
    refuseServerKept(action, group);
  }
  return { ...group, by: attributionOf(caller) } as AuthorizedGroup<Action>;
}

/** @throws DomainError `permission_denied` when the caller may not make groups */
export function authorizeGroupCreation(caller: Caller): GroupCreation {
  refuseRunner(caller);
  if (!caller.authority.groupsAdmin) throw roleMissing("an admin of the organization's groups");
  return { by: attributionOf(caller) } as GroupCreation;
}

/** The groups that a list may show the caller. @throws DomainError `permission_denied` for runners */
export function groupScope(caller: Caller): GroupScope {
  refuseRunner(caller);
  const { member, groupsAdmin, groupIds } = caller.authority;
  return { organizationId: caller.organizationId, groupIds: member || groupsAdmin ? null : groupIds };
}

/**
 * What the server's groups hold on the organisation is what they are for, and stays. On anything else they hold what
 * they are given: sharing a runner with `org-members` shares it with everybody.
 * @param resourceType of what a role is given on or taken from
 * @throws DomainError `failed_precondition` for a role that the server keeps
 */
export function refuseFixedRoles(group: Group, resourceType: number): void {
  if (group.systemManaged && resourceType === ResourceType.ORGANIZATION) {
    throw systemManaged("its roles on the organization cannot be changed");
  }
  if (group.directShare) throw directShare();
}

function refuseServerKept(action: GroupAction, group: Group): void {
  if (group.directShare) throw directShare();
  // Who belongs to the system's groups is all that can be said about them.
  if (group.systemManaged && action !== "changeMembers") throw systemManaged("it cannot be changed");
}

function sees(caller: Caller, group: Group, held: readonly number[]): boolean {
  if (group.organizationId !== caller.organizationId) return false;
  const { member, groupsAdmin, groupIds } = caller.authority;
  return member || groupsAdmin || groupIds.includes(group.id) || held.length > 0;
}

function systemManaged(what: string): DomainError {
  return new DomainError("failed_precondition", `the group is managed by the server: ${what}`, {
    reason: "GROUP_IS_SYSTEM_MANAGED",
  });
}

function directShare(): DomainError {
  return new DomainError(
    "failed_precondition",
    "the group holds what is shared with one principal; share and unshare with that principal instead",
    { reason: "GROUP_IS_DIRECT_SHARE" },
  );
}
