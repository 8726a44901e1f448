import { count, eq, sql } from "drizzle-orm";
import { ResourceType } from "../../../domain/access/resources.ts";
import { type Quotas, refuseOver } from "../../../domain/limits/quotas.ts";
import {
  applyLlmChange,
  type LlmIntegration,
  type LlmProvider,
  reportedLlm,
  usableWith,
} from "../../../domain/llm-integrations/llm-integration.ts";
import type { LlmPhase, LlmPhaseReport } from "../../../domain/llm-integrations/phase.ts";
import type { Runner } from "../../../domain/runners/runner.ts";
import { refuseKeyChanged } from "../../../domain/runners/update.ts";
import type { LlmIntegrationStore } from "../../llm-integration-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import { llmIntegrations } from "../schema.ts";
import type { ConfigurationLog } from "./configuration.ts";
import { configurationListing } from "./configuration-list.ts";

const resourceType = ResourceType.RUNNER_LLM_INTEGRATION;

type Row = typeof llmIntegrations.$inferSelect;

export function llmIntegrationStore(
  connection: Connection,
  commits: Commits,
  log: ConfigurationLog,
  quotas: Quotas,
): LlmIntegrationStore {
  const { select, replace } = llmRows(connection);
  const insert = connection.insert(llmIntegrations).values(columnPlaceholders(llmIntegrations)).prepare();
  const remove = connection
    .delete(llmIntegrations)
    .where(eq(llmIntegrations.id, sql.placeholder("id")))
    .prepare();
  const countHeld = connection
    .select({ held: count() })
    .from(llmIntegrations)
    .where(eq(llmIntegrations.runnerId, sql.placeholder("runnerId")))
    .prepare();
  const list = configurationListing(connection, llmIntegrations);

  return {
    async get(organizationId, id) {
      const found = select(id);
      return found?.organizationId === organizationId ? found : null;
    },
    async list(scope, runnerIds, page) {
      const { rows, more } = list(scope, runnerIds, page);
      return { rows: rows.map(fromRow), more };
    },
    create: (authorized, made) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        if (made.sealedTo !== null) refuseKeyChanged(made.sealedTo, runner);
        refuseOver(quotas, "llmIntegrations", countHeld.get({ runnerId: runner.id })?.held ?? 0);
        insert.run(toRow(made));
        log.countRevision(runner);
        const entry = { resourceType, resourceId: made.id, verb: "create" } as const;
        log.written(runner, authorized.by, entry, made.createdAt);
      }),
    update: (authorized, id, wanted, now) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        const existing = select(id);
        if (existing?.runnerId !== runner.id) return false;
        if (Object.keys(wanted).length === 0) return true;
        replace(applyLlmChange(existing, wanted, runner));
        log.countRevision(runner);
        log.written(runner, authorized.by, { resourceType, resourceId: id, verb: "update" }, now);
        return true;
      }),
    remove: (authorized, id, now) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        if (select(id)?.runnerId !== runner.id) return false;
        remove.run({ id });
        log.countRevision(runner);
        log.written(runner, authorized.by, { resourceType, resourceId: id, verb: "delete" }, now);
        return true;
      }),
  };
}

/** What a runner says that bears on its integrations. */
export interface LlmNews {
  readonly phases: readonly LlmPhaseReport[];
  readonly publicKeyChanged: boolean;
}

/** Takes down what a runner says of its integrations, and tells of each that changed; usable inside a transaction. */
export function llmPhaseWriter(
  connection: Connection,
  log: Pick<ConfigurationLog, "statusChanged">,
): (
  runner: Pick<Runner, "id" | "organizationId" | "creator" | "report">,
  news: LlmNews,
  now: number,
) => void {
  const { ofRunner, replace } = llmRows(connection);
  return (runner, { phases, publicKeyChanged }, now) => {
    if (phases.length === 0 && !publicKeyChanged) return;
    const said = new Map(phases.map((phase) => [phase.integrationId, phase]));
    const { publicKey } = runner.report;
    for (const existing of ofRunner(runner.id)) {
      const phase = said.get(existing.id);
      const changed = phase ? reportedLlm(existing, phase, publicKey) : usableWith(existing, publicKey);
      if (changed.phase === existing.phase && changed.phaseReason === existing.phaseReason) continue;
      replace(changed);
      log.statusChanged(runner, { resourceType, resourceId: existing.id }, now);
    }
  };
}

/** Reads and replaces rows; usable inside a transaction. */
function llmRows(connection: Connection) {
  const isIt = eq(llmIntegrations.id, sql.placeholder("id"));
  const selectOne = connection.select().from(llmIntegrations).where(isIt).prepare();
  const selectOfRunner = connection
    .select()
    .from(llmIntegrations)
    .where(eq(llmIntegrations.runnerId, sql.placeholder("runnerId")))
    .prepare();
  const change = connection
    .update(llmIntegrations)
    .set({
      models: sql`${sql.placeholder("models")}`,
      endpoint: sql`${sql.placeholder("endpoint")}`,
      apiKey: sql`${sql.placeholder("apiKey")}`,
      sealedTo: sql`${sql.placeholder("sealedTo")}`,
      maxTokens: sql`${sql.placeholder("maxTokens")}`,
      phase: sql`${sql.placeholder("phase")}`,
      phaseReason: sql`${sql.placeholder("phaseReason")}`,
      headers: sql`${sql.placeholder("headers")}`,
      provider: sql`${sql.placeholder("provider")}`,
    })
    .where(isIt)
    .prepare();
  return {
    select(id: string): LlmIntegration | null {
      const row = selectOne.get({ id });
      return row === undefined ? null : fromRow(row);
    },
    ofRunner: (runnerId: string) => selectOfRunner.all({ runnerId }).map(fromRow),
    /** Values in an expression are not converted as those of a column are. */
    replace(integration: LlmIntegration): void {
      const { models, headers, ...row } = toRow(integration);
      change.run({ ...row, models: JSON.stringify(models), headers: JSON.stringify(headers) });
    },
  };
}

function toRow({ apiKey, sealedTo, ...integration }: LlmIntegration): Row {
  return {
    ...integration,
    apiKey: apiKey && Buffer.from(apiKey),
    sealedTo: sealedTo && Buffer.from(sealedTo),
  };
}

function fromRow({ phase, provider, ...row }: Row): LlmIntegration {
  return { ...row, phase: phase as LlmPhase, provider: provider as LlmProvider };
}
