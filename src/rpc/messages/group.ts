import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type GroupMembership,
  GroupMembershipSchema,
  type Group as GroupMessage,
  GroupSchema,
  type RoleAssignment as RoleAssignmentMessage,
  RoleAssignmentSchema,
} from "../../../gen/gitpod/v1/group_pb.js";
import { type RunnerPolicy, RunnerPolicySchema, RunnerRole } from "../../../gen/gitpod/v1/runner_pb.js";
import { ResourceRole, type RunnerRole as StoredRunnerRole } from "../../domain/access/roles.ts";
import { invalidField } from "../../domain/errors.ts";
import type { RoleAssignment } from "../../domain/groups/assignment.ts";
import type { Group, Membership } from "../../domain/groups/group.ts";

export function groupMessage(group: Group): GroupMessage {
  const { holdsOrganizationRole: _, createdAt, updatedAt, ...fields } = group;
  return create(GroupSchema, {
    ...fields,
    createdAt: timestampFromMs(createdAt),
    updatedAt: timestampFromMs(updatedAt),
  });
}

export function membershipMessage({ organizationId: _, ...fields }: Membership): GroupMembership {
  return create(GroupMembershipSchema, fields);
}

export function assignmentMessage(assignment: RoleAssignment): RoleAssignmentMessage {
  const { role, derivedFrom, ...fields } = assignment;
  return create(RoleAssignmentSchema, {
    ...fields,
    resourceRole: role,
    ...(derivedFrom !== null && { derivedFromOrgRole: derivedFrom }),
  });
}

/** The same grant as a runner policy. */
export function policyMessage({ groupId, role }: { groupId: string; role: StoredRunnerRole }): RunnerPolicy {
  const isAdmin = role === ResourceRole.RUNNER_ADMIN;
  return create(RunnerPolicySchema, { groupId, role: isAdmin ? RunnerRole.ADMIN : RunnerRole.USER });
}

/** @throws DomainError `invalid` for a role that no group can have */
export function policyRole(role: RunnerRole): StoredRunnerRole {
  switch (role) {
    case RunnerRole.ADMIN:
      return ResourceRole.RUNNER_ADMIN;
    case RunnerRole.USER:
      return ResourceRole.RUNNER_USER;
    default:
      throw invalidField("role", "runner_policy.role.known", "must be RUNNER_ROLE_ADMIN or RUNNER_ROLE_USER");
  }
}
