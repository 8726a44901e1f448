import { and, count, eq, sql } from "drizzle-orm";
import { ResourceType } from "../../../domain/access/resources.ts";
import type { EnvironmentClass } from "../../../domain/environment-classes/environment-class.ts";
import { type Quotas, refuseOver } from "../../../domain/limits/quotas.ts";
import type { EnvironmentClassStore } from "../../configuration-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import { environmentClasses, runners } from "../schema.ts";
import type { ConfigurationLog } from "./configuration.ts";
import { configurationListing, oneOf } from "./configuration-list.ts";

const resourceType = ResourceType.ENVIRONMENT_CLASS;

export function environmentClassStore(
  connection: Connection,
  commits: Commits,
  log: ConfigurationLog,
  quotas: Quotas,
): EnvironmentClassStore {
  const isTheClass = eq(environmentClasses.id, sql.placeholder("id"));
  const select = connection.select().from(environmentClasses).where(isTheClass).prepare();
  const insert = connection
    .insert(environmentClasses)
    .values(columnPlaceholders(environmentClasses))
    .prepare();
  const change = connection
    .update(environmentClasses)
    .set({
      displayName: sql`${sql.placeholder("displayName")}`,
      description: sql`${sql.placeholder("description")}`,
      enabled: sql`${sql.placeholder("enabled")}`,
    })
    .where(isTheClass)
    .prepare();
  const ofRunner = eq(environmentClasses.runnerId, sql.placeholder("runnerId"));
  const counted = (where: typeof ofRunner | ReturnType<typeof and>) =>
    connection.select({ held: count() }).from(environmentClasses).where(where).prepare();
  const countAll = counted(ofRunner);
  const countEnabled = counted(and(ofRunner, eq(environmentClasses.enabled, true)));
  const runnerHas = (column: typeof runners.kind | typeof runners.provider, list: string) =>
    sql`(${sql.placeholder(list)} IS NULL OR EXISTS (SELECT 1 FROM ${runners}
      WHERE ${runners.id} = ${environmentClasses.runnerId} AND ${oneOf(column, list)}))`;
  const list = configurationListing(connection, environmentClasses, [
    sql`(${sql.placeholder("enabled")} IS NULL OR ${environmentClasses.enabled} = ${sql.placeholder("enabled")})`,
    runnerHas(runners.kind, "kinds"),
    runnerHas(runners.provider, "providers"),
  ]);

  function refuseEnabledOver(runnerId: string): void {
    refuseOver(quotas, "enabledClasses", countEnabled.get({ runnerId })?.held ?? 0);
  }

  return {
    async get(organizationId, id) {
      const row = select.get({ id });
      return row?.organizationId === organizationId ? row : null;
    },
    async list(scope, { runnerIds, enabled, kinds, providers }, page) {
      return list(scope, runnerIds, page, {
        enabled: enabled === null ? null : Number(enabled),
        kinds: alternatives(kinds),
        providers: alternatives(providers),
      });
    },
    create: (authorized, made) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        refuseEnabledOver(runner.id);
        refuseOver(quotas, "classes", countAll.get({ runnerId: runner.id })?.held ?? 0);
        insert.run({ ...made });
        log.countRevision(runner);
        const entry = { resourceType, resourceId: made.id, verb: "create" } as const;
        log.written(runner, authorized.by, entry, made.createdAt);
      }),
    update: (authorized, id, wanted, now) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        const existing: EnvironmentClass | undefined = select.get({ id });
        if (existing?.runnerId !== runner.id) return false;
        if (Object.keys(wanted).length === 0) return true;
        const changed = { ...existing, ...wanted };
        if (changed.enabled && !existing.enabled) refuseEnabledOver(runner.id);
        // A value in an expression is not converted as that of a column is, hence the number.
        change.run({ ...changed, enabled: Number(changed.enabled) });
        log.countRevision(runner);
        log.written(runner, authorized.by, { resourceType, resourceId: id, verb: "update" }, now);
        return true;
      }),
  };
}

function alternatives(values: readonly unknown[]): string | null {
  return values.length === 0 ? null : JSON.stringify(values);
}
