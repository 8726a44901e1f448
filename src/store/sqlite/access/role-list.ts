import { and, desc, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { AssignmentScope } from "../../../domain/access/grants.ts";
import { ResourceType } from "../../../domain/access/resources.ts";
import { derivingRoles, ResourceRole } from "../../../domain/access/roles.ts";
import {
  type AssignmentFilter,
  derivedAssignments,
  type RoleAssignment,
} from "../../../domain/groups/assignment.ts";
import type { Page } from "../../../domain/paging/cursor.ts";
import type { Rows } from "../../store.ts";
import type { Connection } from "../engine/open.ts";
import { roleAssignments } from "../schema.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

export function assignmentFromRow(row: typeof roleAssignments.$inferSelect): RoleAssignment {
  const { createdAt: _, ...assignment } = row;
  return { ...assignment, derivedFrom: null };
}

/** Lists a page of grants, newest first: stored ones, and those that follow from roles on the organisation. */
export function assignmentListing(
  connection: Connection,
): (scope: AssignmentScope, filter: AssignmentFilter, page: Page) => Rows<RoleAssignment> {
  const ofOrganization = eq(roleAssignments.organizationId, sql.placeholder("organizationId"));
  const groupId = sql.placeholder("groupId");
  const memberId = sql.placeholder("memberId");
  const ofGroup = sql`(${groupId} IS NULL OR "role_assignments"."group_id" = ${groupId})`;
  const ofMember = sql`(${memberId} IS NULL OR "role_assignments"."group_id" IN (SELECT m.group_id
    FROM group_memberships AS m WHERE m.organization_id = "role_assignments"."organization_id" AND m.subject_id = ${memberId}))`;
  const stored = connection
    .select()
    .from(roleAssignments)
    .where(
      and(
        ofOrganization,
        lt(roleAssignments.id, sql.placeholder("after")),
        ofGroup,
        ofMember,
        oneOf(sql`"role_assignments"."resource_type"`, "resourceTypes"),
        oneOf(sql`"role_assignments"."role"`, "roles"),
        oneOf(sql`"role_assignments"."resource_id"`, "resourceIds"),
        visibleRow,
      ),
    )
    .orderBy(desc(roleAssignments.id))
    .limit(sql.placeholder("limit"))
    .prepare();
  const onOrganization = connection
    .select()
    .from(roleAssignments)
    .where(
      and(
        ofOrganization,
        eq(roleAssignments.resourceType, ResourceType.ORGANIZATION),
        inArray(roleAssignments.role, [...derivingRoles]),
        ofGroup,
        ofMember,
      ),
    )
    .prepare();
  const administered = administeredStatement(connection);

  return (scope, filter, { limit, after }) => {
    const values = { ...scopeValues(scope), ...filterValues(filter), after: after ?? beyondAllIds };
    const rows = stored.all({ ...values, limit: limit + 1 }).map(assignmentFromRow);
    if (filter.resourceIds.length > 0) {
      const resources = administered.all(values) as { resourceType: number; resourceId: string }[];
      const derived = derivedAssignments(onOrganization.all(values).map(assignmentFromRow), resources);
      rows.push(...derived.filter((one) => one.id < values.after && matches(one, filter)));
      rows.sort((a, b) => (a.id < b.id ? 1 : -1));
    }
    return { rows: rows.slice(0, limit), more: rows.length > limit };
  };
}

/** What the caller shares in and what it administers; see AssignmentScope. */
const mine = sql`(SELECT value FROM json_each(${sql.placeholder("groupIds")}))`;
const visibleRow = sql`(${sql.placeholder("all")} OR "role_assignments"."group_id" IN ${mine}
  OR ${administersRunner(sql`"role_assignments"."resource_id"`, sql`"role_assignments"."resource_type"`)}
  OR ${administersGroup(sql`"role_assignments"."group_id"`)}
  OR ("role_assignments"."resource_type" = ${ResourceType.GROUP} AND ${administersGroup(sql`"role_assignments"."resource_id"`)}))`;

function administersRunner(id: SQL, type: SQL | number): SQL {
  return sql`(${type} = ${ResourceType.RUNNER} AND (${sql.placeholder("everyRunner")}
    OR EXISTS (SELECT 1 FROM runners AS own WHERE own.id = ${id} AND own.creator_id = ${sql.placeholder("subjectId")}
      AND own.organization_id = ${sql.placeholder("organizationId")})
    OR ${holds(ResourceType.RUNNER, id, ResourceRole.RUNNER_ADMIN)}))`;
}

function administersGroup(id: SQL): SQL {
  return holds(ResourceType.GROUP, id, ResourceRole.GROUP_ADMIN);
}

function holds(type: number, id: SQL, role: number): SQL {
  return sql`EXISTS (SELECT 1 FROM role_assignments AS held WHERE held.organization_id = ${sql.placeholder("organizationId")}
    AND held.resource_type = ${type} AND held.resource_id = ${id} AND held.role = ${role} AND held.group_id IN ${mine})`;
}

/** Those of the named runners and groups that the caller may share. */
function administeredStatement(connection: Connection) {
  const named = sql`(SELECT value FROM json_each(${sql.placeholder("resourceIds")}))`;
  const all = sql.placeholder("all");
  const ofOrganization = sql`organization_id = ${sql.placeholder("organizationId")} AND id IN ${named}`;
  const [runner, group] = [ResourceType.RUNNER, ResourceType.GROUP];
  const resources = sql`(
    SELECT ${runner} AS resource_type, r.id AS resource_id FROM runners AS r
    WHERE r.${ofOrganization} AND (${all} OR ${administersRunner(sql`r.id`, runner)})
    UNION ALL
    SELECT ${group}, g.id FROM "groups" AS g WHERE g.${ofOrganization} AND (${all} OR ${administersGroup(sql`g.id`)}))`;
  return connection
    .select({ resourceType: sql<number>`resource_type`, resourceId: sql<string>`resource_id` })
    .from(resources)
    .prepare();
}

function oneOf(column: SQL, list: string): SQL {
  const values = sql.placeholder(list);
  return sql`(${values} IS NULL OR ${column} IN (SELECT value FROM json_each(${values})))`;
}

function scopeValues({ organizationId, visibleTo }: AssignmentScope) {
  return {
    organizationId,
    all: visibleTo === null ? 1 : 0,
    subjectId: visibleTo?.subjectId ?? "",
    groupIds: JSON.stringify(visibleTo?.groupIds ?? []),
    everyRunner: visibleTo?.everyRunner ? 1 : 0,
  };
}

function filterValues(filter: AssignmentFilter) {
  const list = (values: readonly unknown[]) => (values.length === 0 ? null : JSON.stringify(values));
  return {
    groupId: filter.groupId,
    memberId: filter.memberId,
    resourceTypes: list(filter.resourceTypes),
    roles: list(filter.roles),
    resourceIds: list(filter.resourceIds),
  };
}

function matches(
  { resourceType, role }: RoleAssignment,
  { resourceTypes, roles }: AssignmentFilter,
): boolean {
  const among = (value: number, list: readonly number[]) => list.length === 0 || list.includes(value);
  return among(resourceType, resourceTypes) && among(role, roles);
}
