import { DomainError } from "../errors.ts";
import { assignmentNotFound, type Resource, type RoleAssignment } from "../groups/assignment.ts";
import type { Group } from "../groups/group.ts";
import type { Runner } from "../runners/runner.ts";
import type { Attribution } from "./attribution.ts";
import { attributionOf, type Caller, refuseRunner, roleMissing } from "./caller.ts";
import { authorizeGroup } from "./groups.ts";
import { ResourceType } from "./resources.ts";
import { ResourceRole, type RunnerRole } from "./roles.ts";
import { authorizeRunner } from "./runners.ts";

declare const granted: unique symbol;

/** The proof that a caller may say who has which role on a resource. Only this file makes one. */
export interface AuthorizedResource extends Resource {
  readonly [granted]: "share";
  readonly organizationId: string;
  readonly by: Attribution;
}

/** What the store knows of a resource that a caller wants to share. */
export type ResourceFacts =
  | { readonly kind: "runner"; readonly runner: Runner | null; readonly shared: RunnerRole | null }
  | { readonly kind: "group"; readonly group: Group | null; readonly held: readonly number[] }
  /** An organisation, an account, or a thing of another system: only admins of the organisation share these. */
  | { readonly kind: "other"; readonly exists: boolean };

/** Which role assignments a caller sees. */
export interface AssignmentScope {
  readonly organizationId: string;
  /** Null: all of them. Else those of its groups, of groups that it is admin of, and on what it is admin of. */
  readonly visibleTo: {
    readonly subjectId: string;
    readonly groupIds: readonly string[];
    readonly everyRunner: boolean;
  } | null;
}

/**
 * Proves that the caller may share the resource.
 * @throws DomainError `not_found` for what the caller may not see, `permission_denied` for what it sees but may
 *   not share, `failed_precondition` for a group that the server keeps.
 */
export function authorizeSharing(
  caller: Caller,
  resource: Resource,
  facts: ResourceFacts,
): AuthorizedResource {
  switch (facts.kind) {
    case "runner":
      authorizeRunner(caller, "share", facts.runner, facts.shared);
      break;
    case "group":
      authorizeGroup(caller, "share", facts.group, facts.held);
      break;
    case "other":
      refuseRunner(caller);
      if (!caller.authority.orgAdmin) throw roleMissing("an admin of the organization");
      if (!facts.exists) throw resourceNotFound(resource);
      break;
    default:
      return facts satisfies never;
  }
  const { organizationId } = caller;
  const { resourceType, resourceId } = resource;
  return { resourceType, resourceId, organizationId, by: attributionOf(caller) } as AuthorizedResource;
}

/**
 * Proves that the caller may take a grant back.
 * @param heldOnGroup the roles that the caller's groups hold on the group that has the grant.
 * @throws DomainError `not_found` for a grant that it may not see, `permission_denied` when it may see it only
 */
export function authorizeUnsharing(
  caller: Caller,
  assignment: RoleAssignment,
  facts: ResourceFacts,
  heldOnGroup: readonly number[],
): AuthorizedResource {
  refuseRunner(caller);
  try {
    return authorizeSharing(caller, assignment, facts);
  } catch (error) {
    if (!(error instanceof DomainError) || error.kind === "failed_precondition") throw error;
    const { member, groupsAdmin, groupIds } = caller.authority;
    const seen = member || groupsAdmin || groupIds.includes(assignment.groupId);
    if (!seen && !heldOnGroup.includes(ResourceRole.GROUP_ADMIN)) throw assignmentNotFound();
    throw roleMissing("an admin of the resource");
  }
}

/** The role assignments that a list may show the caller. @throws DomainError `permission_denied` for runners */
export function assignmentScope(caller: Caller): AssignmentScope {
  refuseRunner(caller);
  const { organizationId, id, authority } = caller;
  const { member, groupsAdmin, groupIds, runnersAdmin } = authority;
  const visibleTo = member || groupsAdmin ? null : { subjectId: id, groupIds, everyRunner: runnersAdmin };
  return { organizationId, visibleTo };
}

function resourceNotFound({ resourceType }: Resource): DomainError {
  const what = resourceType === ResourceType.ORGANIZATION ? "organization" : "resource";
  return new DomainError("not_found", `${what} not found`, { reason: "RESOURCE_NOT_FOUND" });
}
