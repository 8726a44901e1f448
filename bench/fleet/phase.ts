import { processUse } from "./proc.ts";
import type { ServerProcess } from "./server-process.ts";
import { type Summary, summary } from "./stats.ts";
import type { Met } from "./tally.ts";

/** What one phase of a run found out. */
export interface PhaseReport {
  readonly tookMs: number;
  readonly renewalMs: Summary;
  readonly failures: Readonly<Record<string, number>>;
  /** All CPU of the server in that time, reads and audits included; null for a server that is not ours. */
  readonly serverCpuMs: number | null;
  readonly loadCpuMs: number;
  readonly stretchPercent: number;
  readonly stretchedReplies: number;
}

/** Measures from now on. @returns what ends it */
export function beginPhase(met: Met, server: ServerProcess | null): () => PhaseReport {
  met.turn();
  const startedAt = performance.now();
  const serverBefore = server?.use().cpuMs ?? 0;
  const loadBefore = processUse(process.pid)?.cpuMs ?? 0;
  return () => {
    const { renewalMs, failures, stretchPercent, stretchedReplies } = met.turn();
    return {
      tookMs: performance.now() - startedAt,
      renewalMs: summary(renewalMs),
      failures: Object.fromEntries(failures),
      serverCpuMs: server === null ? null : server.use().cpuMs - serverBefore,
      loadCpuMs: (processUse(process.pid)?.cpuMs ?? 0) - loadBefore,
      stretchPercent,
      stretchedReplies,
    };
  };
}
