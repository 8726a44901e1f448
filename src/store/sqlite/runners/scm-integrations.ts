import { count, eq, sql } from "drizzle-orm";
import { ResourceType } from "../../../domain/access/resources.ts";
import { type Quotas, refuseOver } from "../../../domain/limits/quotas.ts";
import { refuseKeyChanged } from "../../../domain/runners/update.ts";
import {
  applyScmIntegrationChange,
  endedBy,
  type ScmIntegration,
  SignIn,
  scmIntegrationExists,
} from "../../../domain/scm-integrations/scm-integration.ts";
import type { ScmIntegrationStore } from "../../configuration-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import { scmIntegrations } from "../schema.ts";
import type { ConfigurationLog } from "./configuration.ts";
import { configurationListing } from "./configuration-list.ts";
import type { HostTokenEnder } from "./host-token-ender.ts";

const resourceType = ResourceType.RUNNER_SCM_INTEGRATION;

type Row = typeof scmIntegrations.$inferSelect;

export function scmIntegrationStore(
  connection: Connection,
  commits: Commits,
  log: ConfigurationLog,
  quotas: Quotas,
  tokens: Pick<HostTokenEnder, "ofIntegration">,
): ScmIntegrationStore {
  const isTheIntegration = eq(scmIntegrations.id, sql.placeholder("id"));
  const select = connection.select().from(scmIntegrations).where(isTheIntegration).prepare();
  const insert = connection.insert(scmIntegrations).values(columnPlaceholders(scmIntegrations)).prepare();
  const change = connection
    .update(scmIntegrations)
    .set({
      oauthClientId: sql`${sql.placeholder("oauthClientId")}`,
      oauthClientSecret: sql`${sql.placeholder("oauthClientSecret")}`,
      sealedTo: sql`${sql.placeholder("sealedTo")}`,
      oauthIssuerUrl: sql`${sql.placeholder("oauthIssuerUrl")}`,
      pat: sql`${sql.placeholder("pat")}`,
      virtualDirectory: sql`${sql.placeholder("virtualDirectory")}`,
    })
    .where(isTheIntegration)
    .prepare();
  const remove = connection.delete(scmIntegrations).where(isTheIntegration).prepare();
  const countOfRunner = connection
    .select({ held: count() })
    .from(scmIntegrations)
    .where(eq(scmIntegrations.runnerId, sql.placeholder("runnerId")))
    .prepare();
  const list = configurationListing(connection, scmIntegrations);

  /** The integration, if it is one of the runner. */
  function there(runnerId: string, id: string): ScmIntegration | null {
    const row = select.get({ id });
    return row?.runnerId === runnerId ? scmIntegrationFromRow(row) : null;
  }

  return {
    async get(organizationId, id) {
      const row = select.get({ id });
      return row?.organizationId === organizationId ? scmIntegrationFromRow(row) : null;
    },
    async list(scope, runnerIds, page) {
      const { rows, more } = list(scope, runnerIds, page);
      return { rows: rows.map(scmIntegrationFromRow), more };
    },
    create: (authorized, made) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        if (made.oauth !== null) refuseKeyChanged(made.oauth.sealedTo, runner);
        refuseOver(quotas, "scmIntegrations", countOfRunner.get({ runnerId: runner.id })?.held ?? 0);
        unlessHostTaken(() => insert.run(toRow(made)));
        log.countRevision(runner);
        const entry = { resourceType, resourceId: made.id, verb: "create" } as const;
        log.written(runner, authorized.by, entry, made.createdAt);
      }),
    update: (authorized, id, wanted, now) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        const existing = there(runner.id, id);
        if (existing === null) return false;
        if (Object.keys(wanted).length === 0) return true;
        if (wanted.oauthClientSecret !== undefined) {
          refuseKeyChanged(wanted.oauthClientSecret.sealedTo, runner);
        }
        const changed = applyScmIntegrationChange(existing, wanted);
        const row = toRow(changed);
        // A value in an expression is not converted as that of a column is, hence the number.
        unlessHostTaken(() => change.run({ ...row, pat: Number(row.pat) }));
        tokens.ofIntegration(id, endedBy(existing, changed), authorized.by, now);
        log.countRevision(runner);
        log.written(runner, authorized.by, { resourceType, resourceId: id, verb: "update" }, now);
        return true;
      }),
    remove: (authorized, id, now) =>
      commits.run(() => {
        if (there(authorized.id, id) === null) return false;
        tokens.ofIntegration(id, Object.values(SignIn), authorized.by, now);
        remove.run({ id });
        log.countRevision(authorized);
        log.written(authorized, authorized.by, { resourceType, resourceId: id, verb: "delete" }, now);
        return true;
      }),
  };
}

function unlessHostTaken(write: () => unknown): void {
  try {
    write();
  } catch (error) {
    throw isUniqueViolation(error) ? scmIntegrationExists() : error;
  }
}

function toRow({ oauth, issuerUrl, ...integration }: ScmIntegration): Row {
  return {
    ...integration,
    oauthClientId: oauth?.clientId ?? null,
    oauthClientSecret: oauth && Buffer.from(oauth.sealed),
    sealedTo: oauth && Buffer.from(oauth.sealedTo),
    oauthIssuerUrl: issuerUrl === "" ? null : issuerUrl,
  };
}

export function scmIntegrationFromRow(row: Row): ScmIntegration {
  const {
    oauthClientId: clientId,
    oauthClientSecret: sealed,
    sealedTo,
    oauthIssuerUrl,
    ...integration
  } = row;
  const oauth =
    clientId === null || sealed === null || sealedTo === null ? null : { clientId, sealed, sealedTo };
  return { ...integration, oauth, issuerUrl: oauthIssuerUrl ?? "" };
}
