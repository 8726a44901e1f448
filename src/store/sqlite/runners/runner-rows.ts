import type { Principal } from "../../../domain/access/principal.ts";
import type { LeaseState, ReportedPhase } from "../../../domain/leases/lease.ts";
import type { RunnerKind, RunnerProvider } from "../../../domain/runners/enums.ts";
import { emptyReport } from "../../../domain/runners/report.ts";
import type { Runner } from "../../../domain/runners/runner.ts";
import type { RunnerCodecs } from "../../store.ts";
import type { Connection } from "../engine/open.ts";
import { runners } from "../schema.ts";

type Row = typeof runners.$inferSelect;

/** Turns runners into rows and back. */
export function runnerRows(codecs: RunnerCodecs): { toRow(runner: Runner): Row; fromRow(row: Row): Runner } {
  // Every new runner has it.
  const nothingReported = Buffer.from(codecs.report.encode(emptyReport));
  return {
    toRow({ creator, spec, metricsPassword, report, lease, ...columns }) {
      return {
        ...columns,
        report: report === emptyReport ? nothingReported : Buffer.from(codecs.report.encode(report)),
        leaseState: lease.state,
        leaseGeneration: lease.generation,
        leasePhase: lease.phase,
        leaseSince: lease.sinceMs,
        lastSeenAt: lease.lastSeenMs,
        appliedSpecRevision: lease.appliedSpecRevision,
        signOffReason: lease.signOffReason,
        unheardRestarts: 0,
        creatorId: creator.id,
        creatorPrincipal: creator.principal,
        spec: Buffer.from(codecs.spec.encode(spec)),
        metricsPassword: metricsPassword && Buffer.from(metricsPassword),
      };
    },
    fromRow(row) {
      return {
        id: row.id,
        organizationId: row.organizationId,
        name: row.name,
        kind: row.kind as RunnerKind,
        provider: row.provider as RunnerProvider,
        managerId: row.managerId,
        createdAt: row.createdAt,
        updatedAt: row.updatedAt,
        specRevision: row.specRevision,
        pauseNote: row.pauseNote,
        configurationRevision: row.configurationRevision,
        metricsPassword: row.metricsPassword,
        desiredSince: row.desiredSince,
        deletionRequestedAt: row.deletionRequestedAt,
        report: codecs.report.decode(row.report),
        reportedAt: row.reportedAt,
        lease: {
          state: row.leaseState as LeaseState,
          generation: row.leaseGeneration,
          phase: row.leasePhase as ReportedPhase,
          sinceMs: row.leaseSince,
          lastSeenMs: row.lastSeenAt,
          appliedSpecRevision: row.appliedSpecRevision,
          signOffReason: row.signOffReason,
        },
        creator: { id: row.creatorId, principal: row.creatorPrincipal as Principal },
        spec: codecs.spec.decode(row.spec),
      };
    },
  };
}

/** Adds a runner; runs inside a transaction. For the few that come with an organisation: nothing is prepared for it. */
export function runnerAdder(connection: Connection, codecs: RunnerCodecs): (runner: Runner) => void {
  const { toRow } = runnerRows(codecs);
  return (runner) => void connection.insert(runners).values(toRow(runner)).run();
}
