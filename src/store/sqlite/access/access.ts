import { and, eq, sql } from "drizzle-orm";
import { ResourceType } from "../../../domain/access/resources.ts";
import type { AccessStore } from "../../access-store.ts";
import type { Connection } from "../engine/open.ts";
import type { ChangeCounts } from "../engine/writer-messages.ts";
import { groupMemberships, roleAssignments } from "../schema.ts";
import { onResource } from "./resource-grants.ts";

export function accessStore(connection: Connection, counts: Readonly<ChangeCounts>): AccessStore {
  // A row for each role that a group holds on the organisation, and one for a group that holds none.
  const selectGrants = connection
    .select({ groupId: groupMemberships.groupId, role: roleAssignments.role })
    .from(groupMemberships)
    .leftJoin(
      roleAssignments,
      and(
        eq(roleAssignments.groupId, groupMemberships.groupId),
        eq(roleAssignments.resourceType, ResourceType.ORGANIZATION),
        eq(roleAssignments.resourceId, groupMemberships.organizationId),
      ),
    )
    .where(
      and(
        eq(groupMemberships.organizationId, sql.placeholder("organizationId")),
        eq(groupMemberships.subjectId, sql.placeholder("subjectId")),
      ),
    )
    .prepare();
  const selectRoles = connection
    .selectDistinct({ role: roleAssignments.role })
    .from(roleAssignments)
    .where(
      and(
        onResource,
        sql`${roleAssignments.groupId} IN (SELECT value FROM json_each(${sql.placeholder("groupIds")}))`,
      ),
    )
    .prepare();
  return {
    mark: () => counts.access,
    async grantsOf(organizationId, subjectId) {
      const rows = selectGrants.all({ organizationId, subjectId });
      return {
        groupIds: [...new Set(rows.map(({ groupId }) => groupId))],
        organizationRoles: rows.flatMap(({ role }) => (role === null ? [] : [role])),
      };
    },
    async rolesOn(organizationId, resource, groupIds) {
      if (groupIds.length === 0) return [];
      const list = JSON.stringify(groupIds);
      return selectRoles.all({ organizationId, ...resource, groupIds: list }).map(({ role }) => role);
    },
  };
}
