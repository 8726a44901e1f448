import { and, asc, eq, sql } from "drizzle-orm";
import { ResourceType } from "../../domain/access/resources.ts";
import type { EventStore } from "../event-store.ts";
import type { Connection } from "./open.ts";
import { groupMemberships, groups, roleAssignments, users } from "./schema.ts";

// Numbers of gitpod.v1.ResourceRole.
const orgAdmin = 1;
const runnersAdmin = 50;
const groupsAdmin = 53;
const auditLogReader = 64;

/** Reads what decides which events and audit entries a subject may see. */
export function viewerReader(connection: Connection): EventStore["viewer"] {
  const selectGroups = connection
    .select({ id: groups.id, name: groups.name, systemManaged: groups.systemManaged })
    .from(groupMemberships)
    .innerJoin(groups, eq(groups.id, groupMemberships.groupId))
    .where(
      and(
        eq(groupMemberships.organizationId, sql.placeholder("organizationId")),
        eq(groupMemberships.subjectId, sql.placeholder("id")),
      ),
    )
    .orderBy(asc(groups.id))
    .prepare();
  const selectRoles = connection
    .selectDistinct({ role: roleAssignments.role })
    .from(roleAssignments)
    .innerJoin(groupMemberships, eq(groupMemberships.groupId, roleAssignments.groupId))
    .where(
      and(
        eq(roleAssignments.organizationId, sql.placeholder("organizationId")),
        eq(roleAssignments.resourceType, ResourceType.ORGANIZATION),
        eq(groupMemberships.subjectId, sql.placeholder("id")),
      ),
    )
    .prepare();
  const selectFounder = connection
    .select({ id: users.id })
    .from(users)
    .where(eq(users.organizationId, sql.placeholder("organizationId")))
    .orderBy(asc(users.id))
    .limit(1)
    .prepare();
  const selectAdmins = connection
    .select({ id: groups.id })
    .from(groups)
    .where(
      and(
        eq(groups.organizationId, sql.placeholder("organizationId")),
        eq(groups.name, "org-admins"),
        eq(groups.systemManaged, true),
      ),
    )
    .prepare();

  return async ({ id, principal, organizationId }) => {
    const memberOf = selectGroups.all({ organizationId, id });
    const roles = new Set(selectRoles.all({ organizationId, id }).map(({ role }) => role));
    const inAdmins = memberOf.some(({ name, systemManaged }) => systemManaged && name === "org-admins");
    // An organisation of an earlier version has no such group until it is first started by this one.
    const founder =
      selectAdmins.get({ organizationId }) === undefined && selectFounder.get({ organizationId })?.id === id;
    return {
      id,
      principal,
      organizationId,
      admin: inAdmins || founder || roles.has(orgAdmin),
      runnersAdmin: roles.has(runnersAdmin),
      groupsAdmin: roles.has(groupsAdmin),
      auditReader: roles.has(auditLogReader),
      groupIds: memberOf.map((group) => group.id),
    };
  };
}
