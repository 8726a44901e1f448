import type { Subject } from "../access/principal.ts";
import { DomainError, invalidField } from "../errors.ts";

/** The groups that every organisation has; see {@link SystemGroup}. */
export const systemGroups = ["org-members", "org-admins"] as const;

/** `org-members` holds the role of a member, `org-admins` that of an admin. */
export type SystemGroup = (typeof systemGroups)[number];

/** A set of users and service accounts that hold roles together. Times are wall-clock milliseconds. */
export interface Group {
  readonly id: string;
  readonly organizationId: string;
  readonly name: string;
  readonly description: string;
  /** One of {@link systemGroups}. */
  readonly systemManaged: boolean;
  /** Holds what was shared with its one member directly; made and kept by the server. */
  readonly directShare: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly memberCount: number;
  /** Whether it holds any role on the organisation: only admins of the organisation may change such a group. */
  readonly holdsOrganizationRole: boolean;
}

/** What a new group is made of. */
export type NewGroup = Pick<Group, "id" | "name" | "description" | "createdAt">;

export interface GroupFilter {
  /** Part of the name, the description or the id, in any case; empty matches every group. */
  readonly search: string;
  /** Empty matches every group. */
  readonly groupIds: readonly string[];
  readonly systemManaged: boolean | undefined;
  /** The groups that hold what was shared directly, or all others. */
  readonly directShare: boolean;
  /** Leaves out the groups that hold a role on this resource. */
  readonly withoutRoleOn: { readonly resourceType: number; readonly resourceId: string } | undefined;
}

/** One member of one group. */
export interface Membership {
  readonly id: string;
  readonly organizationId: string;
  readonly groupId: string;
  readonly subject: Subject;
  readonly name: string;
  readonly avatarUrl: string;
}

const directSharePrefix = "direct-share:";

/** The name of the group that holds what is shared with one principal directly. */
export function directShareName(principalId: string): string {
  return directSharePrefix + principalId;
}

/** @throws DomainError `invalid` for a name that the server keeps for groups of its own */
export function checkGroupName(name: string): string {
  if (!name.toLowerCase().startsWith(directSharePrefix)) return name;
  throw invalidField("name", "group.name.reserved", `must not begin with ${directSharePrefix}`);
}

/** The error for a group that does not exist, or that the caller may not know of. */
export function groupNotFound(): DomainError {
  return new DomainError("not_found", "group not found", { reason: "GROUP_NOT_FOUND" });
}

export function membershipNotFound(): DomainError {
  return new DomainError("not_found", "membership not found", { reason: "MEMBERSHIP_NOT_FOUND" });
}

/** The error for a user or service account that is not there. */
export function principalNotFound(): DomainError {
  return new DomainError("not_found", "no such user or service account in this organization", {
    reason: "PRINCIPAL_NOT_FOUND",
  });
}

export function groupNameTaken(): DomainError {
  return new DomainError("already_exists", "the organization has a group of that name", {
    reason: "GROUP_NAME_TAKEN",
  });
}

/**
 * Keeps an admin in charge.
 * @param remaining active users that the group of admins would be left with.
 * @throws DomainError `failed_precondition`
 */
export function refuseWithoutAdmin(remaining: number): void {
  if (remaining > 0) return;
  throw new DomainError("failed_precondition", "the last admin of the organization cannot be removed", {
    reason: "LAST_ADMIN",
  });
}
