import { and, desc, eq, getTableColumns, lt, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { ResourceRole } from "../../../domain/access/roles.ts";
import { type Group, type GroupFilter, groupNameTaken } from "../../../domain/groups/group.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { GroupStore } from "../../group-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { groupMemberships, groups, roleAssignments } from "../schema.ts";
import { directShares } from "./direct-shares.ts";
import { containsFolded, defineFoldCase, foldCase } from "./fold-case.ts";
import { type MemberPart, memberPart } from "./memberships.ts";
import { grantEnder } from "./resource-grants.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

export function groupStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  newId: IdSource,
): GroupStore {
  defineFoldCase(connection);
  const read = groupReader(connection);
  const shares = directShares(connection, newId);
  const isTheGroup = and(
    eq(groups.organizationId, sql.placeholder("organizationId")),
    eq(groups.id, sql.placeholder("id")),
  );
  const selectByName = connection
    .select(groupColumns)
    .from(groups)
    .where(
      and(
        eq(groups.organizationId, sql.placeholder("organizationId")),
        eq(groups.name, sql.placeholder("name")),
      ),
    )
    .prepare();
  const list = listStatement(connection);
  const insert = connection.insert(groups).values(columnPlaceholders(groups)).prepare();
  const insertRole = connection.insert(roleAssignments).values(columnPlaceholders(roleAssignments)).prepare();
  const change = connection
    .update(groups)
    .set({
      name: sql`${sql.placeholder("name")}`,
      description: sql`${sql.placeholder("description")}`,
      updatedAt: sql`${sql.placeholder("now")}`,
    })
    .where(isTheGroup)
    .prepare();
  const remove = connection.delete(groups).where(isTheGroup).prepare();
  const selectMembers = connection
    .select({ subjectId: groupMemberships.subjectId })
    .from(groupMemberships)
    .where(
      and(
        eq(groupMemberships.groupId, sql.placeholder("id")),
        eq(groupMemberships.organizationId, sql.placeholder("organizationId")),
      ),
    )
    .prepare();
  const endGrants = grantEnder(connection);

  function written(
    by: Attribution,
    id: string,
    verb: string,
    operation: ResourceOperation,
    now: number,
    lastSeenBy: readonly string[] = [],
  ): void {
    const subject = { subjectType: ResourceType.GROUP, subjectId: id };
    journal.audit({ by, now, action: `group.${verb}`, ...subject, kind: AuditKind.RESOURCE_CHANGE });
    const resource = { resourceType: ResourceType.GROUP, resourceId: id, creatorId: by.actor.id };
    journal.event({ organizationId: by.organizationId, operation, ...resource, lastSeenBy, now });
  }

  const members: MemberPart = memberPart(connection, commits, journal);
  return {
    ...members,
    create: ({ by }, group) =>
      commits.run(() => {
        const { organizationId } = by;
        const { createdAt } = group;
        const kind = { systemManaged: false, directShare: false };
        unlessNameTaken(() => insert.run({ ...group, ...kind, organizationId, updatedAt: createdAt }));
        insertRole.run({
          id: newId(),
          organizationId,
          groupId: shares.ensure(organizationId, by.actor, createdAt),
          resourceType: ResourceType.GROUP,
          resourceId: group.id,
          role: ResourceRole.GROUP_ADMIN,
          createdAt,
        });
        written(by, group.id, "create", ResourceOperation.CREATE, createdAt);
        return read(organizationId, group.id) as Group;
      }),
    async get(organizationId, id) {
      return read(organizationId, id);
    },
    async getByName(organizationId, name) {
      return selectByName.get({ organizationId, name }) ?? null;
    },
    async list({ organizationId, groupIds }, filter, { limit, after }) {
      const rows = list.all({
        organizationId,
        visible: groupIds && JSON.stringify(groupIds),
        ...filterValues(filter),
        after: after ?? beyondAllIds,
        limit: limit + 1,
      });
      return { rows: rows.slice(0, limit), more: rows.length > limit };
    },
    update: (group, wanted, now) =>
      commits.run(() => {
        const { id, organizationId } = group;
        const { changes } = unlessNameTaken(() => change.run({ id, organizationId, ...wanted, now }));
        if (changes === 0) return null;
        written(group.by, id, "update", ResourceOperation.UPDATE, now);
        return read(organizationId, id);
      }),
    remove: ({ id, organizationId, by }, now) =>
      commits.run(() => {
        const lastMembers = selectMembers.all({ id, organizationId }).map(({ subjectId }) => subjectId);
        // Members and held roles go with the row.
        if (remove.run({ id, organizationId }).changes === 0) return false;
        written(by, id, "delete", ResourceOperation.DELETE, now, lastMembers);
        endGrants(organizationId, { resourceType: ResourceType.GROUP, resourceId: id });
        return true;
      }),
  };
}

function listStatement(connection: Connection) {
  const visible = sql.placeholder("visible");
  const ids = sql.placeholder("groupIds");
  const [system, direct] = [sql.placeholder("systemManaged"), sql.placeholder("directShare")];
  const [type, resource] = [sql.placeholder("withoutType"), sql.placeholder("withoutId")];
  return connection
    .select(groupColumns)
    .from(groups)
    .where(
      and(
        eq(groups.organizationId, sql.placeholder("organizationId")),
        lt(groups.id, sql.placeholder("after")),
        sql`(${visible} IS NULL OR "groups"."id" IN (SELECT value FROM json_each(${visible})) OR EXISTS (
          SELECT 1 FROM role_assignments AS shown WHERE shown.organization_id = "groups"."organization_id"
          AND shown.resource_type = ${ResourceType.GROUP} AND shown.resource_id = "groups"."id"
          AND shown.group_id IN (SELECT value FROM json_each(${visible}))))`,
        containsFolded("search", [groups.name, groups.description, groups.id]),
        sql`(${ids} IS NULL OR "groups"."id" IN (SELECT value FROM json_each(${ids})))`,
        sql`(${system} IS NULL OR "groups"."system_managed" = ${system})`,
        sql`"groups"."direct_share" = ${direct}`,
        sql`(${type} IS NULL OR NOT EXISTS (SELECT 1 FROM role_assignments AS has
          WHERE has.group_id = "groups"."id" AND has.resource_type = ${type} AND has.resource_id = ${resource}))`,
      ),
    )
    .orderBy(desc(groups.id))
    .limit(sql.placeholder("limit"))
    .prepare();
}

function filterValues({ search, groupIds, systemManaged, directShare, withoutRoleOn }: GroupFilter) {
  return {
    search: foldCase(search),
    groupIds: groupIds.length === 0 ? null : JSON.stringify(groupIds),
    systemManaged: systemManaged === undefined ? null : Number(systemManaged),
    directShare: Number(directShare),
    withoutType: withoutRoleOn?.resourceType ?? null,
    withoutId: withoutRoleOn?.resourceId ?? null,
  };
}

function unlessNameTaken<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw isUniqueViolation(error) ? groupNameTaken() : error;
  }
}

// Drizzle leaves the table's name out inside of selected expressions, where "id" would then mean the inner table's.
const groupColumns = {
  ...getTableColumns(groups),
  memberCount: sql<number>`(SELECT count(*) FROM group_memberships AS m WHERE m.group_id = "groups"."id")`,
  holdsOrganizationRole:
    sql<boolean>`EXISTS (SELECT 1 FROM role_assignments AS held WHERE held.group_id = "groups"."id" AND held.resource_type = ${sql.raw(String(ResourceType.ORGANIZATION))})`.mapWith(
      Boolean,
    ),
};

/** Reads one group of an organisation; usable inside a transaction. */
function groupReader(connection: Connection): (organizationId: string, id: string) => Group | null {
  const select = connection
    .select(groupColumns)
    .from(groups)
    .where(
      and(eq(groups.organizationId, sql.placeholder("organizationId")), eq(groups.id, sql.placeholder("id"))),
    )
    .prepare();
  return (organizationId, id) => select.get({ organizationId, id }) ?? null;
}
