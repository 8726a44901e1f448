import type { AssignmentScope, AuthorizedResource } from "../domain/access/grants.ts";
import type { AuthorizedGroup, GroupCreation, GroupScope } from "../domain/access/groups.ts";
import type { Subject } from "../domain/access/principal.ts";
import type { RunnerRole } from "../domain/access/roles.ts";
import type { Authorized } from "../domain/access/runners.ts";
import type { AssignmentFilter, Resource, RoleAssignment } from "../domain/groups/assignment.ts";
import type { Group, GroupFilter, Membership, NewGroup } from "../domain/groups/group.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { Rows } from "./rows.ts";

/** Groups and their members. Lists are newest first. */
export interface GroupStore {
  /** The creator becomes admin of the group. @throws DomainError `already_exists` when the name is taken */
  create(grant: GroupCreation, group: NewGroup): Promise<Group>;
  get(organizationId: string, id: string): Promise<Group | null>;
  getByName(organizationId: string, name: string): Promise<Group | null>;
  list(scope: GroupScope, filter: GroupFilter, page: Page): Promise<Rows<Group>>;
  /** Null when it is gone. @throws DomainError `already_exists` when the name is taken */
  update(
    group: AuthorizedGroup<"update">,
    change: Pick<Group, "name" | "description">,
    now: number,
  ): Promise<Group | null>;
  /** Removes the group with its members, its roles, and the roles that others hold on it; false when it is gone. */
  remove(group: AuthorizedGroup<"delete">, now: number): Promise<boolean>;
  /**
   * @throws DomainError `not_found` when the group is gone or the subject is no user or service account of the
   *   organisation, `already_exists` for a member.
   */
  addMember(
    group: AuthorizedGroup<"changeMembers">,
    membership: { readonly id: string; readonly subject: Subject },
    now: number,
  ): Promise<Membership>;
  /** False when it is gone. @throws DomainError `failed_precondition` for the last admin of the organisation */
  removeMember(group: AuthorizedGroup<"changeMembers">, membershipId: string, now: number): Promise<boolean>;
  membership(organizationId: string, id: string): Promise<Membership | null>;
  membershipOf(organizationId: string, groupId: string, subject: Subject): Promise<Membership | null>;
  /** @param search part of the member's name, in any case; empty matches every name. */
  members(group: AuthorizedGroup<"read">, search: string, page: Page): Promise<Rows<Membership>>;
}

/** A role that a group gets; the id is for the case that it is new. */
export interface NewAssignment {
  readonly id: string;
  readonly groupId: string;
  readonly role: number;
}

/** The roles of groups on resources. Runner policies are those on runners. Lists are newest first. */
export interface RoleStore {
  /** Whether the organisation has such an account, or is the one named; true for things of other systems. */
  exists(organizationId: string, resource: Resource): Promise<boolean>;
  get(organizationId: string, id: string): Promise<RoleAssignment | null>;
  /** With `resourceIds`, the grants that follow from roles on the organisation as well. */
  list(scope: AssignmentScope, filter: AssignmentFilter, page: Page): Promise<Rows<RoleAssignment>>;
  /**
   * @throws DomainError `already_exists` when the group has the role, or on a runner any other role,
   *   `not_found` when group or runner is gone.
   */
  assign(resource: AuthorizedResource, assignment: NewAssignment, now: number): Promise<RoleAssignment>;
  /** False when it is gone. */
  remove(resource: AuthorizedResource, id: string, now: number): Promise<boolean>;
  /** Gives one principal this role in place of the one it was given directly. @throws DomainError `not_found` */
  share(resource: AuthorizedResource, principal: Subject, role: number, now: number): Promise<void>;
  /** Removes what `share` gave, if anything. */
  unshare(resource: AuthorizedResource, principalId: string, now: number): Promise<void>;
  policies(runner: Authorized<"share">, page: Page): Promise<Rows<RoleAssignment & { role: RunnerRole }>>;
  /** @throws DomainError `not_found` when the group has no role on the runner */
  changePolicy(runner: Authorized<"share">, groupId: string, role: RunnerRole, now: number): Promise<void>;
  /** @throws DomainError `not_found` when the group has no role on the runner */
  removePolicy(runner: Authorized<"share">, groupId: string, now: number): Promise<void>;
}
