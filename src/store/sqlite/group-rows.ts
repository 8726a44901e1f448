import { and, eq, getTableColumns, sql } from "drizzle-orm";
import { ResourceType } from "../../domain/access/resources.ts";
import type { Group } from "../../domain/groups/group.ts";
import type { Connection } from "./open.ts";
import { groups } from "./schema.ts";

// Drizzle leaves the table's name out inside of selected expressions, where "id" would then mean the inner table's.
export const groupColumns = {
  ...getTableColumns(groups),
  memberCount: sql<number>`(SELECT count(*) FROM group_memberships AS m WHERE m.group_id = "groups"."id")`,
  holdsOrganizationRole:
    sql<boolean>`EXISTS (SELECT 1 FROM role_assignments AS held WHERE held.group_id = "groups"."id" AND held.resource_type = ${sql.raw(String(ResourceType.ORGANIZATION))})`.mapWith(
      Boolean,
    ),
};

/** Reads one group of an organisation; usable inside a transaction. */
export function groupReader(connection: Connection): (organizationId: string, id: string) => Group | null {
  const select = connection
    .select(groupColumns)
    .from(groups)
    .where(
      and(eq(groups.organizationId, sql.placeholder("organizationId")), eq(groups.id, sql.placeholder("id"))),
    )
    .prepare();
  return (organizationId, id) => select.get({ organizationId, id }) ?? null;
}
