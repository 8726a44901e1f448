import { and, desc, eq, lt, type SQL, sql } from "drizzle-orm";
import type { RunnerScope } from "../../domain/access/runners.ts";
import type { Page } from "../../domain/paging/cursor.ts";
import { RunnerKind } from "../../domain/runners/enums.ts";
import type { Rows, RunnerFilter } from "../store.ts";
import type { Connection } from "./open.ts";
import { runners } from "./schema.ts";
import { statementCache } from "./statements.ts";

type Row = typeof runners.$inferSelect;

/** Sorts after every UUID. */
const beyondAllIds = "~";

/**
 * Lists a page of rows, newest first, in time that depends on the page alone. SQLite cannot merge the ranges of
 * `column IN (…) ORDER BY id` from an index and would sort all matches, so a filter is driven by one range for
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
    const column = drivers[driver as Driver];
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
    const { driver, values } = driving(scope, filter);
    const common = {
      organizationId: scope.organizationId,
      after: after ?? beyondAllIds,
      kinds: alternatives(filter.kinds),
      providers: alternatives(filter.providers),
      creatorIds: alternatives(filter.creatorIds),
      limit: limit + 1,
    };
    const found = values.flatMap((value) => range(driver).all({ ...common, value }));
    if (values.length > 1) found.sort((a, b) => (a.id < b.id ? 1 : -1));
    return { rows: found.slice(0, limit), more: found.length > limit };
  };
}

const drivers = {
  all: null,
  id: runners.id,
  creator: runners.creatorId,
  provider: runners.provider,
  kind: runners.kind,
} as const;
type Driver = keyof typeof drivers;

/** The most selective column that the caller named, and the values to walk. */
function driving(scope: RunnerScope, filter: RunnerFilter): { driver: Driver; values: unknown[] } {
  if (scope.onlyId !== null) return { driver: "id", values: [scope.onlyId] };
  if (filter.creatorIds.length > 0) return { driver: "creator", values: distinct(filter.creatorIds) };
  if (filter.providers.length > 0) return { driver: "provider", values: distinct(filter.providers) };
  if (filter.kinds.length > 0) return { driver: "kind", values: distinct(filter.kinds) };
  return { driver: "all", values: [null] };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function alternatives(values: readonly unknown[]): string | null {
  return values.length === 0 ? null : JSON.stringify(values);
}
