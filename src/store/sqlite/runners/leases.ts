import { and, eq, gt, isNotNull, lt, ne, sql } from "drizzle-orm";
import type { Principal } from "../../../domain/access/principal.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { LeaseState, type ReportedPhase } from "../../../domain/leases/lease.ts";
import { providerName, RunnerKind, type RunnerProvider } from "../../../domain/runners/enums.ts";
import {
  applyReportChange,
  type ReportedConfiguration,
  type RunnerReportChange,
} from "../../../domain/runners/report.ts";
import type { LeaseChange, LeaseStore, RunnerCodecs } from "../../store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import type { Journal } from "../journal/journal.ts";
import { longestLeases, runners } from "../schema.ts";
import type { ConfigurationLog } from "./configuration.ts";
import { configurationSchemas } from "./configuration-schemas.ts";
import { llmPhaseWriter } from "./llm-integrations.ts";
import { runnerRows } from "./runner-rows.ts";

/**
 * The longest that telling of a mass lapse takes, in milliseconds: an hour. Events of lapses before that may have been
 * removed, which does not mean that there were none. They are kept for an hour at least.
 */
const toldWithinMs = 60 * 60 * 1000;

const lapsedLately = sql`lease_state = ${LeaseState.LAPSED} AND lease_since >=
  coalesce((SELECT created_at FROM events ORDER BY sequence DESC LIMIT 1), 0) - ${toldWithinMs}`;

export function leaseStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  codecs: RunnerCodecs,
  configuration: ConfigurationLog,
): LeaseStore {
  const { fromRow } = runnerRows(codecs);
  const schemas = configurationSchemas(connection);
  const noteLlm = llmPhaseWriter(connection, configuration);
  const isTheRunner = and(
    eq(runners.id, sql.placeholder("runnerId")),
    eq(runners.organizationId, sql.placeholder("organizationId")),
  );
  const record = connection
    .update(runners)
    .set({
      leaseState: sql`${sql.placeholder("state")}`,
      leaseGeneration: sql`${sql.placeholder("generation")}`,
      leasePhase: sql`${sql.placeholder("phase")}`,
      leaseSince: sql`${sql.placeholder("sinceMs")}`,
      lastSeenAt: sql`${sql.placeholder("lastSeenMs")}`,
      appliedSpecRevision: sql`${sql.placeholder("appliedSpecRevision")}`,
      signOffReason: sql`${sql.placeholder("signOffReason")}`,
      report: sql`coalesce(${sql.placeholder("report")}, ${runners.report})`,
      reportedAt: sql`coalesce(${sql.placeholder("reportedAt")}, ${runners.reportedAt})`,
      unheardRestarts: 0,
    })
    .where(isTheRunner)
    .prepare();
  const selectReport = connection
    .select({
      report: runners.report,
      creatorId: runners.creatorId,
      creatorPrincipal: runners.creatorPrincipal,
    })
    .from(runners)
    .where(isTheRunner)
    .prepare();
  const seen = connection
    .update(runners)
    .set({ lastSeenAt: sql`${sql.placeholder("lastSeenMs")}`, unheardRestarts: 0 })
    .where(eq(runners.id, sql.placeholder("runnerId")))
    .prepare();
  const missed = connection
    .update(runners)
    .set({ unheardRestarts: sql`${runners.unheardRestarts} + 1` })
    .where(eq(runners.id, sql.placeholder("runnerId")))
    .prepare();
  const saveLongest = connection
    .insert(longestLeases)
    .values({ provider: sql.placeholder("provider"), leaseMs: sql.placeholder("leaseMs") })
    .onConflictDoUpdate({ target: longestLeases.provider, set: { leaseMs: sql`excluded.lease_ms` } })
    .prepare();
  const page = connection
    .select({
      id: runners.id,
      provider: runners.provider,
      state: runners.leaseState,
      offlineSince: sql<number>`max(${runners.createdAt}, ${runners.leaseSince})`.as("offline_since"),
    })
    .from(runners)
    .where(and(gt(runners.id, sql.placeholder("after")), ne(runners.kind, RunnerKind.LOCAL_CONFIGURATION)))
    .orderBy(runners.id)
    .limit(sql.placeholder("limit"))
    .as("page");
  const countPage = connection
    .select({
      provider: page.provider,
      state: page.state,
      runners: sql<number>`count(*)`,
      stale: sql<number>`sum(${page.offlineSince} < ${sql.placeholder("staleBefore")})`,
      last: sql<string>`max(${page.id})`,
    })
    .from(page)
    .groupBy(page.provider, page.state)
    .prepare();
  /** Keeps what a runner reported. @returns the bytes of the report that is kept of it from then on */
  function reported(
    { runnerId: id, organizationId, now }: Pick<LeaseChange, "runnerId" | "organizationId" | "now">,
    stored: Pick<typeof runners.$inferSelect, "report" | "creatorId" | "creatorPrincipal">,
    change: RunnerReportChange,
    { schema, llmPhases: phases = [] }: ReportedConfiguration,
  ): { readonly bytes: Buffer; readonly keyReplaced: boolean } {
    const { publicKey: keyBefore, ...before } = codecs.report.decode(stored.report);
    const report = applyReportChange({ ...before, publicKey: keyBefore }, change);
    const publicKeyChanged = Buffer.compare(keyBefore, report.publicKey) !== 0;
    if (schema !== undefined) schemas.keep(id, schema, now);
    const creator = { id: stored.creatorId, principal: stored.creatorPrincipal as Principal };
    noteLlm({ id, organizationId, creator, report }, { phases, publicKeyChanged }, now);
    const bytes = Buffer.from(codecs.report.encode(report));
    return { bytes, keyReplaced: publicKeyChanged && keyBefore.length > 0 };
  }
  function statusChanged(
    runner: { readonly runnerId: string; readonly organizationId: string },
    creatorId: string,
    now: number,
  ): void {
    journal.event({
      organizationId: runner.organizationId,
      operation: ResourceOperation.UPDATE_STATUS,
      resourceType: ResourceType.RUNNER,
      resourceId: runner.runnerId,
      creatorId,
      now,
    });
  }

  return {
    announce: (changed, now) =>
      commits.run(() => {
        for (const { id: runnerId, organizationId } of changed) {
          const row = selectReport.get({ runnerId, organizationId });
          if (row !== undefined) statusChanged({ runnerId, organizationId }, row.creatorId, now);
        }
      }),
    record: ({ report, configuration = {}, signOffReason = "", quiet = false, ...change }) =>
      commits.run(() => {
        const row = selectReport.get({ ...change });
        if (row === undefined) return null;
        const kept = report === undefined ? null : reported(change, row, report, configuration);
        record.run({
          ...change,
          signOffReason,
          report: kept?.bytes ?? null,
          reportedAt: kept === null ? null : change.now,
        });
        if (!quiet) statusChanged(change, row.creatorId, change.now);
        return { keyReplaced: kept?.keyReplaced ?? false };
      }),
    async unannounced() {
      // Most starts have no runner to look for, and going through all events takes a large fleet's start a second.
      if (!connection.get(sql`SELECT 1 FROM runners WHERE ${lapsedLately} LIMIT 1`)) return [];
      return connection.all<{ id: string; organizationId: string }>(sql`
        WITH told AS (SELECT resource_id, max(created_at) AS at FROM events
          WHERE resource_type = ${ResourceType.RUNNER} AND operation = ${ResourceOperation.UPDATE_STATUS}
          GROUP BY resource_id)
        SELECT id, organization_id AS organizationId FROM runners LEFT JOIN told ON told.resource_id = runners.id
        WHERE ${lapsedLately} AND coalesce(told.at, -1) < lease_since`);
    },
    saveLastSeen: (batch) =>
      commits.run(() => {
        for (const { runnerId, lastSeenMs } of batch) seen.run({ runnerId, lastSeenMs });
      }),
    async carryOver() {
      const rows = connection
        .select({
          runnerId: runners.id,
          organizationId: runners.organizationId,
          provider: runners.provider,
          generation: runners.leaseGeneration,
          state: runners.leaseState,
          phase: runners.leasePhase,
          appliedSpecRevision: runners.appliedSpecRevision,
          sinceMs: runners.leaseSince,
          lastSeenMs: runners.lastSeenAt,
          unheardRestarts: runners.unheardRestarts,
          specRevision: runners.specRevision,
          configurationRevision: runners.configurationRevision,
        })
        .from(runners)
        .where(eq(runners.leaseState, LeaseState.LIVE))
        .all();
      return rows.map((row) => ({
        ...row,
        provider: row.provider as RunnerProvider,
        state: row.state as LeaseState,
        phase: row.phase as ReportedPhase,
      }));
    },
    async longestLeases() {
      const rows = connection.select().from(longestLeases).all();
      return rows.map((row) => ({ ...row, provider: row.provider as RunnerProvider }));
    },
    saveLongestLeases: (longest) =>
      commits.run(() => {
        for (const { provider, leaseMs } of longest) saveLongest.run({ provider, leaseMs });
      }),
    noteAcknowledged: ({ by }, provider, now) =>
      commits.run(() =>
        journal.audit({
          by,
          now,
          action: "incident.acknowledge",
          subjectType: ResourceType.UNSPECIFIED,
          subjectId: providerName(provider),
          kind: AuditKind.RESOURCE_CHANGE,
        }),
      ),
    countRestart: (runnerIds) =>
      commits.run(() => {
        for (const runnerId of runnerIds) missed.run({ runnerId });
      }),
    async deleting() {
      return connection
        .select()
        .from(runners)
        .where(isNotNull(runners.deletionRequestedAt))
        .all()
        .map(fromRow);
    },
    async countOffline(staleBefore, { after, limit }) {
      const rows = countPage.all({ staleBefore, after: after ?? "", limit });
      const lastIds = rows.map(({ last }) => last).sort();
      const seen = rows.reduce((sum, { runners }) => sum + runners, 0);
      return {
        counts: rows
          .filter(({ state }) => state !== LeaseState.LIVE)
          .map(({ last: _, provider, state, ...numbers }) => ({
            ...numbers,
            provider: provider as RunnerProvider,
            state: state as LeaseState,
          })),
        next: seen < limit ? null : (lastIds.at(-1) ?? null),
      };
    },
    async offlineSince(before, { after, limit }) {
      const endedBefore = lt(sql`max(${runners.createdAt}, ${runners.leaseSince})`, before);
      return connection
        .select()
        .from(runners)
        .where(
          and(
            ne(runners.leaseState, LeaseState.LIVE),
            ne(runners.kind, RunnerKind.LOCAL_CONFIGURATION),
            endedBefore,
            gt(runners.id, after ?? ""),
          ),
        )
        .orderBy(runners.id)
        .limit(limit)
        .all()
        .map(fromRow);
    },
  };
}
