import { and, desc, eq, getTableColumns, inArray, lt, type SQL, sql } from "drizzle-orm";
import { ResourceType } from "../../../domain/access/resources.ts";
import { runnerRoles } from "../../../domain/access/roles.ts";
import type { RunnerScope } from "../../../domain/access/runners.ts";
import type { Page } from "../../../domain/paging/cursor.ts";
import { RunnerKind } from "../../../domain/runners/enums.ts";
import type { Rows, RunnerFilter } from "../../store.ts";
import type { Connection } from "../engine/open.ts";
import { statementCache } from "../engine/statements.ts";
import { roleAssignments, runners } from "../schema.ts";

type Row = typeof runners.$inferSelect;

/** Sorts after every UUID. */
const beyondAllIds = "~";

/**
 * Lists a page of rows, newest first, in time that depends on the page alone. SQLite cannot merge the ranges of
 * `column IN (…) ORDER BY id` from an index and would sort all matches, so a list is driven by one range for
 * each value of one column, and the ranges are merged here; the other columns of the filter only check rows.
 */
export function runnerListing(
  connection: Connection,
): (scope: RunnerScope, filter: RunnerFilter, page: Page) => Rows<Row> {
  const range = statementCache((driver) => {
    const wanted = (column: SQL | typeof runners.kind, list: string) =>
      sql`(${sql.placeholder(list)} IS NULL OR ${column} IN (SELECT value FROM json_each(${sql.placeholder(list)})))`;
    const conditions = [
      eq(runners.organizationId, sql.placeholder("organizationId")),
      lt(runners.id, sql.placeholder("after")),
      // An empty organisation-wide list hides the server's own runner: see docs/decisions/local-configuration.md.
      wanted(sql`${runners.kind}`, "kinds"),
      wanted(sql`${runners.provider}`, "providers"),
      wanted(sql`${runners.creatorId}`, "creatorIds"),
      sql`(${sql.placeholder("kinds")} IS NOT NULL OR ${runners.kind} <> ${RunnerKind.LOCAL_CONFIGURATION})`,
    ];
    if (driver === "sharedWith") return sharedRange(connection, conditions);
    const column = drivers[driver as Exclude<Driver, "sharedWith">];
    if (column !== null) conditions.push(eq(column, sql.placeholder("value")));
    return connection
      .select()
      .from(runners)
      .where(and(...conditions))
      .orderBy(desc(runners.id))
      .limit(sql.placeholder("limit"))
      .prepare();
  });
  return (scope, filter, { limit, after }) => {
    const ranges = driving(scope, filter);
    const common = {
      organizationId: scope.organizationId,
      after: after ?? beyondAllIds,
      kinds: alternatives(filter.kinds),
      providers: alternatives(filter.providers),
      creatorIds: alternatives(filter.creatorIds),
      limit: limit + 1,
    };
    const found = ranges.flatMap(({ driver, value }) => range(driver).all({ ...common, value }));
    const rows = ranges.length > 1 ? merged(found) : found;
    return { rows: rows.slice(0, limit), more: rows.length > limit };
  };
}

/** The runners that are shared with one group. CROSS JOIN keeps SQLite on the range of the group. */
function sharedRange(connection: Connection, conditions: readonly SQL[]) {
  const shared = [
    eq(roleAssignments.groupId, sql.placeholder("value")),
    eq(roleAssignments.resourceType, ResourceType.RUNNER),
    lt(roleAssignments.resourceId, sql.placeholder("after")),
    inArray(roleAssignments.role, [...runnerRoles]),
    eq(runners.id, roleAssignments.resourceId),
  ];
  return connection
    .select(getTableColumns(runners))
    .from(roleAssignments)
    .crossJoin(runners)
    .where(and(...shared, ...conditions))
    .orderBy(desc(roleAssignments.resourceId))
    .limit(sql.placeholder("limit"))
    .prepare();
}

const drivers = {
  all: null,
  id: runners.id,
  creator: runners.creatorId,
  provider: runners.provider,
  kind: runners.kind,
} as const;
type Driver = keyof typeof drivers | "sharedWith";

interface Range {
  readonly driver: Driver;
  readonly value: unknown;
}

/** What the caller may see, else the most selective column that it named, and the values to walk. */
function driving({ onlyId, visibleTo }: RunnerScope, filter: RunnerFilter): Range[] {
  if (onlyId !== null) return over("id", [onlyId]);
  if (visibleTo !== null) {
    return [...over("creator", [visibleTo.creatorId]), ...over("sharedWith", visibleTo.groupIds)];
  }
  if (filter.creatorIds.length > 0) return over("creator", filter.creatorIds);
  if (filter.providers.length > 0) return over("provider", filter.providers);
  if (filter.kinds.length > 0) return over("kind", filter.kinds);
  return over("all", [null]);
}

function over(driver: Driver, values: readonly unknown[]): Range[] {
  return [...new Set(values)].map((value) => ({ driver, value }));
}

/** Newest first, each once: a runner may be shared with several groups of one caller. */
function merged(rows: readonly Row[]): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

function alternatives(values: readonly unknown[]): string | null {
  return values.length === 0 ? null : JSON.stringify(values);
}
