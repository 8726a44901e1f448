import { and, count, desc, eq, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { DomainError } from "../../../domain/errors.ts";
import { type Quotas, refuseOver } from "../../../domain/limits/quotas.ts";
import type { Runner } from "../../../domain/runners/runner.ts";
import { applyRunnerChange } from "../../../domain/runners/update.ts";
import type { RunnerCodecs, RunnerStore } from "../../store.ts";
import { grantEnder } from "../access/resource-grants.ts";
import { tokenEnder } from "../access/token-ender.ts";
import { exchangeTokenRow } from "../access/token-rows.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { exchangeTokens, runnerManagers, runners } from "../schema.ts";
import type { ConfigurationLog } from "./configuration.ts";
import { configurationEnder } from "./configuration-ender.ts";
import { configurationSchemas } from "./configuration-schemas.ts";
import { idempotency } from "./idempotency.ts";
import type { RememberedRunners } from "./remembered-runners.ts";
import { runnerListing } from "./runner-list.ts";
import { runnerRows } from "./runner-rows.ts";

export function runnerStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  codecs: RunnerCodecs,
  quotas: Quotas,
  remembered: RememberedRunners,
  configuration: ConfigurationLog,
): RunnerStore {
  const { toRow, fromRow } = runnerRows(codecs);
  const calls = idempotency(connection);
  const listRows = runnerListing(connection);
  const isTheRunner = and(
    eq(runners.id, sql.placeholder("id")),
    eq(runners.organizationId, sql.placeholder("organizationId")),
  );
  const countRunners = connection
    .select({ held: count() })
    .from(runners)
    .where(eq(runners.organizationId, sql.placeholder("organizationId")))
    .prepare();
  /** By organisation, how many it has at most: counting 100,000 rows for each that is made would take too long. */
  const atMost = new Map<string, number>();
  const insert = connection.insert(runners).values(columnPlaceholders(runners)).prepare();
  const insertToken = connection.insert(exchangeTokens).values(columnPlaceholders(exchangeTokens)).prepare();
  const select = connection.select().from(runners).where(isTheRunner).prepare();
  const selectManager = connection
    .select({ id: runnerManagers.id })
    .from(runnerManagers)
    .where(
      and(
        eq(runnerManagers.id, sql.placeholder("managerId")),
        eq(runnerManagers.organizationId, sql.placeholder("organizationId")),
      ),
    )
    .prepare();
  const change = connection
    .update(runners)
    .set({
      name: sql`${sql.placeholder("name")}`,
      updatedAt: sql`${sql.placeholder("updatedAt")}`,
      spec: sql`${sql.placeholder("spec")}`,
      specRevision: sql`${sql.placeholder("specRevision")}`,
      metricsPassword: sql`${sql.placeholder("metricsPassword")}`,
      desiredSince: sql`${sql.placeholder("desiredSince")}`,
    })
    .where(isTheRunner)
    .prepare();
  const markDeleting = connection
    .update(runners)
    .set({ deletionRequestedAt: sql`${sql.placeholder("now")}` })
    .where(isTheRunner)
    .prepare();
  const remove = connection.delete(runners).where(isTheRunner).prepare();
  const endTokens = tokenEnder(connection, "RUNNER_DELETED");
  const endGrants = grantEnder(connection);
  const schemas = configurationSchemas(connection);
  const endConfiguration = configurationEnder(connection, configuration);

  const selectBootstrap = connection
    .select({
      issuedAtMs: exchangeTokens.createdAt,
      usedAtMs: exchangeTokens.usedAt,
      expiresAtMs: exchangeTokens.expiresAt,
    })
    .from(exchangeTokens)
    .where(
      and(
        eq(exchangeTokens.runnerId, sql.placeholder("id")),
        eq(exchangeTokens.organizationId, sql.placeholder("organizationId")),
      ),
    )
    .orderBy(desc(exchangeTokens.usedAt), desc(exchangeTokens.createdAt))
    .limit(1)
    .prepare();

  function refuseRunnerOver(organizationId: string): void {
    const counted = () => countRunners.get({ organizationId })?.held ?? 0;
    let held = atMost.get(organizationId) ?? counted();
    // Some may have been deleted since they were counted.
    if (held >= quotas.runners) held = counted();
    refuseOver(quotas, "runners", held);
    atMost.set(organizationId, held + 1);
  }

  function written(
    runner: Runner,
    by: Attribution,
    action: string,
    operation: ResourceOperation,
    now: number,
  ) {
    const subject = { subjectType: ResourceType.RUNNER, subjectId: runner.id };
    journal.audit({ by, now, action, ...subject, kind: AuditKind.RESOURCE_CHANGE });
    const { id: resourceId, organizationId, creator } = runner;
    const resource = { resourceType: ResourceType.RUNNER, resourceId, organizationId, creatorId: creator.id };
    journal.event({ ...resource, operation, now, isNew: operation === ResourceOperation.CREATE });
  }

  async function read(organizationId: string, id: string): Promise<Runner | null> {
    const row = select.get({ organizationId, id });
    return row ? remembered.keep(fromRow(row), row.spec.length + row.report.length) : null;
  }

  return {
    create: (grant, runner, token, call) =>
      commits.run(() => {
        if (call) {
          const answer = calls.find(runner.organizationId, call, runner.createdAt);
          if (answer) return { replay: answer };
        }
        refuseRunnerOver(runner.organizationId);
        if (runner.managerId !== null && selectManager.get({ ...runner }) === undefined) {
          throw new DomainError("not_found", "runner manager not found", {
            reason: "RUNNER_MANAGER_NOT_FOUND",
          });
        }
        try {
          insert.run(toRow(runner));
        } catch (error) {
          if (!isUniqueViolation(error) || runner.managerId === null) throw error;
          throw new DomainError("already_exists", "the runner manager has a runner already", {
            reason: "RUNNER_MANAGER_TAKEN",
          });
        }
        insertToken.run(exchangeTokenRow(token, runner));
        if (call) calls.keep(runner.organizationId, call);
        written(runner, grant.by, "runner.create", ResourceOperation.CREATE, runner.createdAt);
        return { replay: null };
      }),
    get: (organizationId, id) => remembered.find(organizationId, id) ?? read(organizationId, id),
    async list(scope, filter, page) {
      const { rows, more } = listRows(scope, filter, page);
      return { rows: rows.map(fromRow), more };
    },
    async bootstrapToken(organizationId, id) {
      return selectBootstrap.get({ organizationId, id }) ?? null;
    },
    async configurationSchema(organizationId, id) {
      return schemas.get(organizationId, id);
    },
    update: (authorized, wanted, now) =>
      commits.run(() => {
        const row = select.get({ ...authorized });
        if (row === undefined) return null;
        const changed = applyRunnerChange(fromRow(row), wanted, now);
        change.run(toRow(changed));
        written(changed, authorized.by, "runner.update", ResourceOperation.UPDATE, now);
        return changed;
      }),
    requestDeletion: (authorized, now) =>
      commits.run(() => {
        const row = select.get({ ...authorized });
        if (row === undefined) return false;
        // The time to drain runs from the first request on.
        if (row.deletionRequestedAt === null) {
          markDeleting.run({ ...authorized, now });
          written(authorized, authorized.by, "runner.request_deletion", ResourceOperation.UPDATE_STATUS, now);
        }
        return true;
      }),
    remove: (authorized, now) =>
      commits.run(() => {
        if (select.get({ ...authorized }) === undefined) return false;
        endConfiguration(authorized, authorized.by, now);
        remove.run({ ...authorized });
        endTokens(authorized, now);
        written(authorized, authorized.by, "runner.delete", ResourceOperation.DELETE, now);
        endGrants(authorized.organizationId, {
          resourceType: ResourceType.RUNNER,
          resourceId: authorized.id,
        });
        return true;
      }),
  };
}
