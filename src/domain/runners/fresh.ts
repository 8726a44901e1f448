import { LeaseState } from "../leases/lease.ts";
import { RunnerPhase } from "./enums.ts";
import { emptyReport } from "./report.ts";
import type { Runner } from "./runner.ts";

/** What every runner starts with: no report, no lease, nobody who wants it gone. */
export const freshRunner = {
  specRevision: 1,
  desiredSince: null,
  deletionRequestedAt: null,
  report: emptyReport,
  reportedAt: null,
  lease: {
    state: LeaseState.NONE,
    generation: 0,
    phase: RunnerPhase.ACTIVE,
    sinceMs: 0,
    lastSeenMs: 0,
    appliedSpecRevision: 0,
    signOffReason: "",
  },
} as const satisfies Partial<Runner>;
