import { and, desc, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import { ResourceType } from "../../../domain/access/resources.ts";
import { runnerRoles } from "../../../domain/access/roles.ts";
import type { RunnerScope } from "../../../domain/access/runners.ts";
import type { Page } from "../../../domain/paging/cursor.ts";
import type { Rows } from "../../store.ts";
import type { Connection } from "../engine/open.ts";
import { statementCache } from "../engine/statements.ts";
import { roleAssignments, runners } from "../schema.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

/** A table of what is set up on runners. */
export type ConfiguredTable = SQLiteTable & {
  readonly id: SQLiteColumn;
  readonly organizationId: SQLiteColumn;
  readonly runnerId: SQLiteColumn;
};

/**
 * Lists what is set up on the runners that somebody sees, newest first.
 * @param more further conditions on rows, whose placeholders `values` fill
 */
export function configurationListing<T extends ConfiguredTable>(
  connection: Connection,
  table: T,
  more: readonly SQL[] = [],
): (
  scope: RunnerScope,
  runnerIds: readonly string[],
  page: Page,
  values?: Readonly<Record<string, unknown>>,
) => Rows<T["$inferSelect"]> {
  const ofOrganization = eq(table.organizationId, sql.placeholder("organizationId"));
  const statement = statementCache((variant) => {
    const conditions = [lt(table.id, sql.placeholder("after")), ...more];
    // The plus keeps SQLite from walking all of the organisation where it is told the runners.
    if (variant.includes("named")) {
      conditions.push(sql`+${ofOrganization}`, oneOf(table.runnerId, "runnerIds"));
    } else conditions.push(ofOrganization);
    if (variant.includes("shared")) {
      conditions.push(inArray(table.runnerId, seenRunners(connection, runnerRoles)));
    }
    return connection
      .select()
      .from(table as SQLiteTable)
      .where(and(...conditions))
      .orderBy(desc(table.id))
      .limit(sql.placeholder("limit"))
      .prepare();
  });
  return (scope, runnerIds, { limit, after }, values = {}) => {
    const { organizationId, onlyId, visibleTo } = scope;
    const named = onlyId === null ? runnerIds : [onlyId];
    if (onlyId !== null && runnerIds.length > 0 && !runnerIds.includes(onlyId))
      return { rows: [], more: false };
    const variant = `${named.length > 0 ? "named " : ""}${visibleTo === null ? "" : "shared"}`;
    const found = statement(variant).all({
      ...values,
      organizationId,
      after: after ?? beyondAllIds,
      runnerIds: JSON.stringify(named),
      creatorId: visibleTo?.creatorId,
      groupIds: JSON.stringify(visibleTo?.groupIds ?? []),
      limit: limit + 1,
    }) as T["$inferSelect"][];
    return { rows: found.slice(0, limit), more: found.length > limit };
  };
}

/**
 * The ids of the runners of an organisation that `creatorId` registered, or on which one of `groupIds` holds one of the
 * roles: placeholders of these names.
 */
export function seenRunners(connection: Connection, roles: readonly number[]) {
  const registered = connection
    .select({ id: runners.id })
    .from(runners)
    .where(
      and(
        eq(runners.organizationId, sql.placeholder("organizationId")),
        eq(runners.creatorId, sql.placeholder("creatorId")),
      ),
    );
  const shared = connection
    .select({ id: roleAssignments.resourceId })
    .from(roleAssignments)
    .where(
      and(
        eq(roleAssignments.organizationId, sql.placeholder("organizationId")),
        oneOf(roleAssignments.groupId, "groupIds"),
        eq(roleAssignments.resourceType, ResourceType.RUNNER),
        inArray(roleAssignments.role, [...roles]),
      ),
    );
  return registered.union(shared);
}

/** Whether a column has one of the values of a placeholder, which is a list in JSON. */
export function oneOf(column: SQLiteColumn, list: string): SQL {
  return sql`${column} IN (SELECT value FROM json_each(${sql.placeholder(list)}))`;
}
