import { and, desc, eq, inArray, lt, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { type RunnerRole, runnerRoles } from "../../../domain/access/roles.ts";
import { runnerNotFound } from "../../../domain/access/runners.ts";
import {
  assignmentExists,
  excludesOthers,
  policyNotFound,
  type Resource,
} from "../../../domain/groups/assignment.ts";
import { groupNotFound, principalNotFound } from "../../../domain/groups/group.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { RoleStore } from "../../group-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isForeignKeyViolation, isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { roleAssignments } from "../schema.ts";
import { directShares } from "./direct-shares.ts";
import { onResource } from "./resource-grants.ts";
import { resourceLookup } from "./resource-lookup.ts";
import { assignmentFromRow, assignmentListing } from "./role-list.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

type Row = typeof roleAssignments.$inferSelect;

export function roleStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  newId: IdSource,
): RoleStore {
  const lookup = resourceLookup(connection);
  const shares = directShares(connection, newId);
  const listRows = assignmentListing(connection);
  const ofOrganization = eq(roleAssignments.organizationId, sql.placeholder("organizationId"));
  const hasId = and(ofOrganization, eq(roleAssignments.id, sql.placeholder("id")));
  const select = connection.select().from(roleAssignments).where(hasId).prepare();
  const selectHeld = connection
    .select()
    .from(roleAssignments)
    .where(and(onResource, eq(roleAssignments.groupId, sql.placeholder("groupId"))))
    .prepare();
  const insert = connection.insert(roleAssignments).values(columnPlaceholders(roleAssignments)).prepare();
  const setRole = connection
    .update(roleAssignments)
    .set({ role: sql`${sql.placeholder("role")}` })
    .where(hasId)
    .prepare();
  const remove = connection.delete(roleAssignments).where(hasId).prepare();
  const listPolicies = connection
    .select()
    .from(roleAssignments)
    .where(
      and(
        onResource,
        inArray(roleAssignments.role, [...runnerRoles]),
        lt(roleAssignments.id, sql.placeholder("after")),
      ),
    )
    .orderBy(desc(roleAssignments.id))
    .limit(sql.placeholder("limit"))
    .prepare();

  /** Tells the watchers of the group, whose members gain or lose by it. */
  function written(by: Attribution, row: Row, verb: string, operation: ResourceOperation, now: number): void {
    const subject = { subjectType: ResourceType.ROLE_ASSIGNMENT, subjectId: row.id };
    const kind = AuditKind.RESOURCE_CHANGE;
    journal.audit({ by, now, action: `role_assignment.${verb}`, ...subject, kind });
    const resource = { resourceType: ResourceType.ROLE_ASSIGNMENT_CHANGED, resourceId: row.groupId };
    journal.event({
      organizationId: row.organizationId,
      operation,
      ...resource,
      creatorId: by.actor.id,
      now,
    });
  }

  function add(by: Attribution, row: Row): void {
    try {
      insert.run(row);
    } catch (error) {
      if (isForeignKeyViolation(error)) throw groupNotFound();
      throw isUniqueViolation(error) ? assignmentExists("the group has this role already") : error;
    }
    written(by, row, "create", ResourceOperation.CREATE, row.createdAt);
  }

  function changeRole(by: Attribution, row: Row, role: number, now: number): void {
    if (row.role === role) return;
    setRole.run({ ...row, role });
    written(by, row, "update", ResourceOperation.UPDATE, now);
  }

  function take(by: Attribution, row: Row, now: number): void {
    remove.run({ ...row });
    written(by, row, "delete", ResourceOperation.DELETE, now);
  }

  /** The one row that is a group's policy on a runner. @throws DomainError `not_found` */
  function policyRow(organizationId: string, runnerId: string, groupId: string): Row {
    const held = selectHeld.all({ organizationId, ...runnerResource(runnerId), groupId });
    const row = held.find(({ role }) => excludesOthers(ResourceType.RUNNER, role));
    if (row === undefined) throw policyNotFound();
    return row;
  }

  return {
    async exists(organizationId, resource) {
      return lookup.resource(organizationId, resource);
    },
    async get(organizationId, id) {
      const row = select.get({ organizationId, id });
      return row ? assignmentFromRow(row) : null;
    },
    async list(scope, filter, page) {
      return listRows(scope, filter, page);
    },
    assign: ({ organizationId, by, ...resource }, { id, groupId, role }, now) =>
      commits.run(() => {
        const { resourceType, resourceId } = resource;
        if (!lookup.resource(organizationId, resource)) throw resourceGone(resource);
        const held = selectHeld.all({ organizationId, resourceType, resourceId, groupId });
        if (
          excludesOthers(resourceType, role) &&
          held.some((row) => excludesOthers(resourceType, row.role))
        ) {
          throw assignmentExists("the group has a role on this runner already");
        }
        const row = { id, organizationId, groupId, resourceType, resourceId, role, createdAt: now };
        add(by, row);
        return assignmentFromRow(row);
      }),
    remove: ({ organizationId, by }, id, now) =>
      commits.run(() => {
        const row = select.get({ organizationId, id });
        if (row === undefined) return false;
        take(by, row, now);
        return true;
      }),
    share: ({ organizationId, by, ...resource }, principal, role, now) =>
      commits.run(() => {
        const { resourceType, resourceId } = resource;
        if (!lookup.resource(organizationId, resource)) throw resourceGone(resource);
        if (!lookup.principal(organizationId, principal)) throw principalNotFound();
        const groupId = shares.ensure(organizationId, principal, now);
        const [first, ...more] = selectHeld.all({ organizationId, resourceType, resourceId, groupId });
        for (const row of more) take(by, row, now);
        if (first) changeRole(by, first, role, now);
        else
          add(by, { id: newId(), organizationId, groupId, resourceType, resourceId, role, createdAt: now });
      }),
    unshare: ({ organizationId, by, resourceType, resourceId }, principalId, now) =>
      commits.run(() => {
        const groupId = shares.find(organizationId, principalId);
        if (groupId === null) return;
        const held = selectHeld.all({ organizationId, resourceType, resourceId, groupId });
        for (const row of held) take(by, row, now);
      }),
    async policies({ organizationId, id }, { limit, after }) {
      const resource = runnerResource(id);
      const rows = listPolicies.all({
        organizationId,
        ...resource,
        after: after ?? beyondAllIds,
        limit: limit + 1,
      });
      return {
        rows: rows
          .slice(0, limit)
          .map((row) => ({ ...assignmentFromRow(row), role: row.role as RunnerRole })),
        more: rows.length > limit,
      };
    },
    changePolicy: ({ organizationId, id, by }, groupId, role, now) =>
      commits.run(() => changeRole(by, policyRow(organizationId, id, groupId), role, now)),
    removePolicy: ({ organizationId, id, by }, groupId, now) =>
      commits.run(() => take(by, policyRow(organizationId, id, groupId), now)),
  };
}

function runnerResource(resourceId: string): Resource {
  return { resourceType: ResourceType.RUNNER, resourceId };
}

/** A resource that went away since the caller was allowed to share it. */
function resourceGone({ resourceType }: Resource): Error {
  return resourceType === ResourceType.GROUP ? groupNotFound() : runnerNotFound();
}
