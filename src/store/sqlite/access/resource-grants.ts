import { and, eq, inArray, sql } from "drizzle-orm";
import type { ResourceType } from "../../../domain/access/resources.ts";
import { showingRoles } from "../../../domain/events/audience.ts";
import type { Resource } from "../../../domain/groups/assignment.ts";
import type { Connection } from "../engine/open.ts";
import type { GroupsShown } from "../journal/journal.ts";
import { roleAssignments } from "../schema.ts";

/** The role assignments on one resource: placeholders `organizationId`, `resourceType` and `resourceId`. */
export const onResource = and(
  eq(roleAssignments.organizationId, sql.placeholder("organizationId")),
  eq(roleAssignments.resourceType, sql.placeholder("resourceType")),
  eq(roleAssignments.resourceId, sql.placeholder("resourceId")),
);

/** Removes every role on a resource that goes away; usable inside a transaction. */
export function grantEnder(connection: Connection): (organizationId: string, resource: Resource) => void {
  const remove = connection.delete(roleAssignments).where(onResource).prepare();
  return (organizationId, { resourceType, resourceId }) => {
    remove.run({ organizationId, resourceType, resourceId });
  };
}

/** Finds the groups that hold a role by which their members learn of a change. */
export function shownGroups(connection: Connection): GroupsShown {
  // The roles are part of the statement: a list that SQLite has to read as JSON costs more than the look-up.
  const finders = new Map<ResourceType, ReturnType<typeof finderOf>>();
  function finderOf(about: ResourceType) {
    const { resourceType, roles } = showingRoles(about);
    if (roles.length === 0) return () => [];
    const held = connection
      .selectDistinct({ groupId: roleAssignments.groupId })
      .from(roleAssignments)
      .where(and(onResource, inArray(roleAssignments.role, [...roles])))
      .prepare();
    return (on: { organizationId: string; resourceId: string }) => held.all({ ...on, resourceType });
  }
  return (about, on) => {
    const find = finders.get(about) ?? finderOf(about);
    finders.set(about, find);
    return find(on).map(({ groupId }) => groupId);
  };
}
