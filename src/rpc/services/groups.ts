import type { ServiceImpl } from "@connectrpc/connect";
import type {
  GetGroupRequest,
  GroupService,
  ListGroupsRequest,
  ListRoleAssignmentsRequest,
} from "../../../gen/gitpod/v1/group_pb.js";
import type { Subject as SubjectMessage } from "../../../gen/gitpod/v1/identity_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import { assignmentScope, authorizeUnsharing } from "../../domain/access/grants.ts";
import { authorizeGroupCreation, groupScope, refuseFixedRoles } from "../../domain/access/groups.ts";
import type { Principal, Subject } from "../../domain/access/principal.ts";
import { DomainError, invalidField } from "../../domain/errors.ts";
import {
  type AssignmentFilter,
  assignmentNotFound,
  checkRole,
  type Resource,
  refuseDerived,
} from "../../domain/groups/assignment.ts";
import {
  checkGroupName,
  type Group,
  type GroupFilter,
  groupNotFound,
  membershipNotFound,
} from "../../domain/groups/group.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { assignmentMessage, groupMessage, membershipMessage } from "../messages/group.ts";
import {
  authorizedGroup,
  provenGroup,
  resourceFacts,
  rolesOnGroup,
  sharableResource,
} from "./group-access.ts";
import { listOf, pageOf } from "./paging.ts";

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** `gitpod.v1.GroupService`. */
export function groupService(deps: Deps): ServiceImpl<typeof GroupService> {
  const { store, clock, newId } = deps;
  return {
    async createGroup({ organizationId, name, description }, context) {
      const caller = callerOf(context);
      const grant = authorizeGroupCreation(caller);
      if (organizationId.toLowerCase() !== caller.organizationId) throw otherOrganization();
      const group = { id: newId(), name: checkGroupName(name), description, createdAt: clock.now() };
      return { group: groupMessage(await store.groups.create(grant, group)) };
    },

    async getGroup(request, context) {
      const caller = callerOf(context);
      return { group: groupMessage(await provenGroup(store, caller, "read", await asked(caller, request))) };
    },

    async listGroups(request, context) {
      const scope = groupScope(callerOf(context));
      const filter = groupFilter(request);
      const list = listOf(context, JSON.stringify(filter));
      const page = await pageOf(request.pagination, list, (wanted) =>
        store.groups.list(scope, filter, wanted),
      );
      return { groups: page.rows.map(groupMessage), pagination: page.pagination };
    },

    async updateGroup({ groupId, name, description }, context) {
      const group = await authorizedGroup(store, callerOf(context), "update", groupId);
      const change = { name: checkGroupName(name), description };
      const changed = await store.groups.update(group, change, clock.now());
      if (changed === null) throw groupNotFound();
      return { group: groupMessage(changed) };
    },

    async deleteGroup({ groupId }, context) {
      const group = await authorizedGroup(store, callerOf(context), "delete", groupId);
      if (!(await store.groups.remove(group, clock.now()))) throw groupNotFound();
      return {};
    },

    async createMembership(request, context) {
      const group = await authorizedGroup(store, callerOf(context), "changeMembers", request.groupId);
      const membership = { id: newId(), subject: subjectOf(request.subject) };
      return { member: membershipMessage(await store.groups.addMember(group, membership, clock.now())) };
    },

    async deleteMembership(request, context) {
      const caller = callerOf(context);
      const id = request.membershipId.toLowerCase();
      const membership = await store.groups.membership(caller.organizationId, id);
      const group = membership && (await visibleGroup(caller, membership.groupId));
      if (!group) throw membershipNotFound();
      const changeable = await provenGroup(store, caller, "changeMembers", group);
      if (!(await store.groups.removeMember(changeable, id, clock.now()))) throw membershipNotFound();
      return {};
    },

    async getMembership(request, context) {
      const caller = callerOf(context);
      const group = await authorizedGroup(store, caller, "read", request.groupId);
      const subject = subjectOf(request.subject);
      const member = await store.groups.membershipOf(caller.organizationId, group.id, subject);
      return member === null ? {} : { member: membershipMessage(member) };
    },

    async listMemberships({ groupId, filter, pagination }, context) {
      const group = await authorizedGroup(store, callerOf(context), "read", groupId);
      const search = filter?.search ?? "";
      const list = listOf(context, JSON.stringify([group.id, search]));
      const page = await pageOf(pagination, list, (wanted) => store.groups.members(group, search, wanted));
      return { members: page.rows.map(membershipMessage), pagination: page.pagination };
    },

    async createRoleAssignment(request, context) {
      const caller = callerOf(context);
      const role = checkRole(request.resourceRole, request.resourceType, "resource_role");
      const group = await authorizedGroup(store, caller, "read", request.groupId);
      const resource = await sharableResource(store, caller, resourceOf(request));
      refuseFixedRoles(group, resource.resourceType);
      const assignment = { id: newId(), groupId: group.id, role };
      return { assignment: assignmentMessage(await store.roles.assign(resource, assignment, clock.now())) };
    },

    async listRoleAssignments(request, context) {
      const scope = assignmentScope(callerOf(context));
      const filter = assignmentFilter(request);
      const list = listOf(context, JSON.stringify(filter));
      const page = await pageOf(request.pagination, list, (wanted) =>
        store.roles.list(scope, filter, wanted),
      );
      return { assignments: page.rows.map(assignmentMessage), pagination: page.pagination };
    },

    async deleteRoleAssignment(request, context) {
      const caller = callerOf(context);
      const id = request.assignmentId.toLowerCase();
      refuseDerived(id);
      const assignment = await store.roles.get(caller.organizationId, id);
      if (assignment === null) throw assignmentNotFound();
      const facts = await resourceFacts(store, caller, assignment);
      const held = await rolesOnGroup(store, caller, assignment.groupId);
      const resource = authorizeUnsharing(caller, assignment, facts, held);
      const group = await store.groups.get(caller.organizationId, assignment.groupId);
      if (group?.systemManaged) refuseFixedRoles(group, assignment.resourceType);
      if (!(await store.roles.remove(resource, id, clock.now()))) throw assignmentNotFound();
      return {};
    },

    async shareResourceWithPrincipal(request, context) {
      const role = checkRole(request.role, request.resourceType, "role");
      const resource = await sharableResource(store, callerOf(context), resourceOf(request));
      await store.roles.share(resource, principalOf(request), role, clock.now());
      return {};
    },

    async unshareResourceWithPrincipal(request, context) {
      const resource = await sharableResource(store, callerOf(context), resourceOf(request));
      await store.roles.unshare(resource, request.principalId.toLowerCase(), clock.now());
      return {};
    },
  };

  function asked({ organizationId }: Caller, { group, groupId }: GetGroupRequest): Promise<Group | null> {
    switch (group.case) {
      case "name":
        return store.groups.getByName(organizationId, group.value);
      case "id":
        return store.groups.get(organizationId, group.value.toLowerCase());
      case undefined:
        if (groupId === "") throw invalidField("id", "get_group.named", "set id or name");
        return store.groups.get(organizationId, groupId.toLowerCase());
      default:
        return group satisfies never;
    }
  }

  /** A group if the caller sees it, else null. */
  async function visibleGroup(caller: Caller, id: string): Promise<Group | null> {
    return authorizedGroup(store, caller, "read", id).catch((error) => {
      if (error instanceof DomainError && error.kind === "not_found") return null;
      throw error;
    });
  }
}

function otherOrganization(): DomainError {
  return new DomainError("not_found", "organization not found", { reason: "ORGANIZATION_NOT_FOUND" });
}

function subjectOf(subject: SubjectMessage | undefined): Subject {
  if (!subject?.id) throw invalidField("subject", "subject.named", "names a user or a service account");
  return { id: subject.id.toLowerCase(), principal: subject.principal as Principal };
}

function principalOf(request: { principalId: string; principal: number }): Subject {
  return { id: request.principalId.toLowerCase(), principal: request.principal as Principal };
}

function resourceOf({ resourceType, resourceId }: Resource): Resource {
  return { resourceType, resourceId: resourceId.toLowerCase() };
}

function groupFilter({ filter }: ListGroupsRequest): GroupFilter {
  const exclude = filter?.excludeAssignedToResource;
  return {
    search: filter?.search ?? "",
    groupIds: lowered(filter?.groupIds ?? []),
    systemManaged: filter?.systemManaged,
    directShare: filter?.directShare ?? false,
    withoutRoleOn: exclude && resourceOf(exclude),
  };
}

function assignmentFilter({ filter }: ListRoleAssignmentsRequest): AssignmentFilter {
  if (filter?.resourceId && filter.resourceIds.length > 0) {
    throw invalidField(
      "filter.resource_id",
      "list_role_assignments.one_or_many",
      "cannot be set together with filter.resource_ids",
    );
  }
  const one = filter?.resourceId ? [filter.resourceId] : [];
  return {
    resourceTypes: filter?.resourceTypes ?? [],
    roles: filter?.resourceRoles ?? [],
    resourceIds: lowered([...one, ...(filter?.resourceIds ?? [])]),
    groupId: filter?.groupId ? filter.groupId.toLowerCase() : null,
    memberId: filter?.userId ? filter.userId.toLowerCase() : null,
  };
}

function lowered(ids: readonly string[]): string[] {
  return ids.map((id) => id.toLowerCase());
}
