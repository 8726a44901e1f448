import { and, eq, sql } from "drizzle-orm";
import type { Resource } from "../../../domain/groups/assignment.ts";
import type { Connection } from "../engine/open.ts";
import { roleAssignments } from "../schema.ts";

/** The role assignments on one resource: placeholders `organizationId`, `resourceType` and `resourceId`. */
export const onResource = and(
  eq(roleAssignments.organizationId, sql.placeholder("organizationId")),
  eq(roleAssignments.resourceType, sql.placeholder("resourceType")),
  eq(roleAssignments.resourceId, sql.placeholder("resourceId")),
);

/** Takes back every role on a resource that goes away; usable inside a transaction. */
export function grantEnder(connection: Connection): (organizationId: string, resource: Resource) => void {
  const remove = connection.delete(roleAssignments).where(onResource).prepare();
  return (organizationId, { resourceType, resourceId }) => {
    remove.run({ organizationId, resourceType, resourceId });
  };
}
