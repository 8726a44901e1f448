import { type Caller, refuseRunner } from "../access/caller.ts";
import type { Sorting } from "../paging/sort.ts";
import { type User, UserStatus } from "../users/user.ts";
import { organizationNotFound } from "./organization.ts";

/** A user as its organisation sees it. */
export interface Member extends User {
  /** Whether one of its groups holds the role of an admin on the organisation. */
  readonly admin: boolean;
}

/** Values inside one field are alternatives; all fields have to match, and an empty one matches every member. */
export interface MemberFilter {
  /** Part of the name, the address or the id, in any case. */
  readonly search: string;
  readonly statuses: readonly number[];
  /** Numbers of `gitpod.v1.OrganizationRole`. */
  readonly roles: readonly number[];
  readonly ids: readonly string[];
  /** Leaves out the members of these groups. */
  readonly outsideGroups: readonly string[];
  /** The whole address, in any case. */
  readonly email: string;
  /** `gitpod.v1.LoginProviderKind`; users here act by tokens alone, so that none has one. */
  readonly loginProvider: number;
}

/** `gitpod.v1.OrganizationRole`. */
export const OrganizationRole = { UNSPECIFIED: 0, ADMIN: 1, MEMBER: 2 } as const;

/** Who counts as a member when a filter names no status: not those who left. */
export const presentStatuses: readonly number[] = [UserStatus.ACTIVE, UserStatus.SUSPENDED];

/** Which members of an organisation a caller sees. */
export interface MemberScope {
  readonly organizationId: string;
  /** Null: every one. */
  readonly onlyId: string | null;
}

/**
 * The members that a caller sees of the organisation: all of them when it is one, else at most itself.
 * @throws DomainError `not_found` for another organisation than its own, `permission_denied` for runners
 */
export function memberScope(caller: Caller, organizationId: string): MemberScope {
  refuseRunner(caller);
  if (organizationId !== caller.organizationId) throw organizationNotFound();
  return { organizationId, onlyId: caller.authority.member ? null : caller.id };
}

export type MemberField = "name" | "dateJoined";

/** `gitpod.v1.ListMembersRequest.SortField` and `gitpod.v1.SortOrder`. */
const [byName, ascending, descending] = [1, 1, 2];

/** The order that a request asks for: unless it says otherwise, who joined last comes first, and names go from A to Z. */
export function memberSorting(
  asked: { readonly field: number; readonly order: number } | undefined,
): Sorting<MemberField> {
  const field = asked?.field === byName ? "name" : "dateJoined";
  if (asked?.order === ascending) return { field, descending: false };
  return { field, descending: asked?.order === descending || field === "dateJoined" };
}
