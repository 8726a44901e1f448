import { createHash } from "node:crypto";
import { ResourceType } from "../access/resources.ts";
import { canBeGranted, derivedRole, isRunnerRole } from "../access/roles.ts";
import { DomainError, invalidField } from "../errors.ts";

/** What a role is held on. */
export interface Resource {
  /** `gitpod.v1.ResourceType`; any of the contract's, not only those that this server keeps. */
  readonly resourceType: number;
  readonly resourceId: string;
}

/** One role of one group on one resource. */
export interface RoleAssignment extends Resource {
  readonly id: string;
  readonly organizationId: string;
  readonly groupId: string;
  /** `gitpod.v1.ResourceRole`. */
  readonly role: number;
  /** The role on the organisation that this one follows from; null for one that was granted. */
  readonly derivedFrom: number | null;
}

export interface AssignmentFilter {
  /** Values inside one list are alternatives, an empty list matches everything. */
  readonly resourceTypes: readonly number[];
  readonly roles: readonly number[];
  readonly resourceIds: readonly string[];
  /** Null: of any group. */
  readonly groupId: string | null;
  /** Of the groups that this user or service account belongs to; null: of any group. */
  readonly memberId: string | null;
}

/** @throws DomainError `invalid` when the role is not one about the resource that can be given */
export function checkRole(role: number, resourceType: number, field: string): number {
  if (canBeGranted(role, resourceType)) return role;
  throw invalidField(
    field,
    "role_assignment.role.about_type",
    "is no role that can be given on such a resource",
  );
}

/** Roles on a runner that exclude each other: a group has at most one of them. */
export function excludesOthers(resourceType: number, role: number): boolean {
  return resourceType === ResourceType.RUNNER && isRunnerRole(role);
}

/** The grants that follow from roles on the organisation for each of these resources. */
export function derivedAssignments(
  onOrganization: readonly RoleAssignment[],
  resources: readonly Resource[],
): RoleAssignment[] {
  return onOrganization.flatMap((assignment) =>
    resources.flatMap((resource) => {
      const role = derivedRole(assignment.role, resource.resourceType);
      if (role === null) return [];
      const id = derivedId(assignment.id, resource.resourceId);
      return [{ ...assignment, ...resource, id, role, derivedFrom: assignment.role }];
    }),
  );
}

/** Always the same id for the same grant, of UUID version 8, which no stored row has. */
function derivedId(assignmentId: string, resourceId: string): string {
  const hex = createHash("sha256").update(assignmentId).update(resourceId).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** @throws DomainError `failed_precondition` for the id of a derived grant */
export function refuseDerived(assignmentId: string): void {
  if (assignmentId[14] !== "8") return;
  throw new DomainError(
    "failed_precondition",
    "this grant follows from a role on the organization; take that one back instead",
    { reason: "ASSIGNMENT_IS_DERIVED" },
  );
}

export function assignmentNotFound(): DomainError {
  return new DomainError("not_found", "role assignment not found", { reason: "ROLE_ASSIGNMENT_NOT_FOUND" });
}

export function assignmentExists(message: string): DomainError {
  return new DomainError("already_exists", message, { reason: "ROLE_ASSIGNMENT_EXISTS" });
}

export function policyNotFound(): DomainError {
  return new DomainError("not_found", "the group has no role on this runner", {
    reason: "RUNNER_POLICY_NOT_FOUND",
  });
}
