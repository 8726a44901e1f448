import type { Audit } from "./audit.ts";
import type { FleetOptions } from "./options.ts";
import type { PhaseReport } from "./phase.ts";
import type { MemoryAt } from "./probe.ts";
import type { Summary } from "./stats.ts";
import type { Restart } from "./targets.ts";

/** Everything that a run found out. Times in milliseconds unless the name says otherwise. */
export interface FleetReport {
  readonly at: string;
  readonly machine: string;
  readonly options: Pick<FleetOptions, "runners" | "connections" | "own" | "windows" | "ramp" | "faults">;
  readonly windowMs: number;
  readonly leaseMs: number;
  readonly registeredInMs: number;
  readonly liveInMs: number;
  /** Until all were live, and a window more. */
  readonly start: PhaseReport;
  readonly afterStart: Audit;
  /** The windows that follow. */
  readonly steady: PhaseReport;
  readonly audits: readonly Audit[];
  readonly restarts: readonly Restart[];
  /** From the kill until all had renewed again, and a window more. */
  readonly restarted: { readonly phase: PhaseReport; readonly audit: Audit } | null;
  readonly detection: {
    readonly polled: Summary;
    readonly stamped: Summary;
    readonly early: number;
    readonly missed: number;
    readonly moved: number;
  };
  /** Runners that a refusal has ended for good. */
  readonly endedForGood: number;
  readonly memory: readonly MemoryAt[];
  /** Warnings and errors in the server's log, by message. */
  readonly serverWarnings: Readonly<Record<string, number>>;
}

/** Lapses of runners that were renewing in time, at any time of the run, the start included. */
export function falseLapses({ audits, afterStart, restarted, detection }: FleetReport): number {
  const all = [afterStart, ...audits, ...(restarted ? [restarted.audit] : [])];
  const last = all.at(-1)?.falselyLapsedMeanwhile ?? 0;
  return Math.max(...all.map((audit) => audit.falselyLapsed)) + last + detection.early;
}

/** The report for people. */
export function asText(report: FleetReport): string {
  const { options, detection } = report;
  const faults = options.faults.map(({ kind, amount, at }) => `${kind}:${amount}@${at}`).join(",") || "none";
  return [
    `fleet of ${options.runners} runners, ${options.connections} shared connections, ${options.own} of their own, ${options.windows} windows of ${report.windowMs / 1000} s, lease ${report.leaseMs / 1000} s, faults ${faults}`,
    `${report.at} on ${report.machine}`,
    "",
    `registered and exchanged in   ${seconds(report.registeredInMs)}`,
    `all live in                   ${seconds(report.liveInMs)}, started over ${options.ramp} s`,
    `false lapses                  ${falseLapses(report)}`,
    `missed lapses                 ${detection.missed}`,
    `refused for good              ${report.endedForGood}`,
    `detection, read by polling    ${line(detection.polled)}`,
    `detection, time stamp         ${line(detection.stamped)}`,
    `  not counted, as a restart or a stall moved the deadline: ${detection.moved}`,
    ...report.restarts.map(
      ({ listeningMs, most, all, failedAttempts }) =>
        `restarted                     listening in ${seconds(listeningMs)}; 99 % had renewed ${seconds(most)} after the kill, all ${seconds(all)}; ${failedAttempts} attempts failed`,
    ),
    `server warnings               ${counts(report.serverWarnings)}`,
    "",
    ...phase(`start and a window more, ${seconds(report.start.tookMs)}`, report.start),
    auditLine("audit after it", report.afterStart),
    "",
    ...phase(`the measured windows, ${seconds(report.steady.tookMs)}`, report.steady),
    ...report.audits.map((audit, index) => auditLine(`audit ${index + 1}`, audit)),
    ...afterRestart(report),
    ...memory(report),
    "",
  ].join("\n");
}

function phase(name: string, report: PhaseReport): readonly string[] {
  const { renewalMs, serverCpuMs, loadCpuMs, tookMs } = report;
  const percent = (ms: number) => `${((ms / tookMs) * 100).toFixed(0)} % of a core`;
  const server =
    serverCpuMs === null
      ? "not ours to measure"
      : `${percent(serverCpuMs)}, ${(serverCpuMs / Math.max(1, renewalMs.count)).toFixed(3)} ms a renewal`;
  const stretch =
    report.stretchPercent === 0
      ? "none"
      : `up to ${report.stretchPercent} % of the normal interval, in ${report.stretchedReplies} replies`;
  return [
    name,
    `  renewal latency             ${line(renewalMs)}`,
    `  failed attempts             ${counts(report.failures)}`,
    `  server CPU                  ${server}`,
    `  CPU of the load itself      ${percent(loadCpuMs)}`,
    `  interval stretch            ${stretch}`,
  ];
}

function afterRestart({ restarted }: FleetReport): readonly string[] {
  if (restarted === null) return [];
  const { phase: report, audit } = restarted;
  return [
    "",
    ...phase(`restart and a window more, ${seconds(report.tookMs)}`, report),
    auditLine("audit after it", audit),
  ];
}

function auditLine(name: string, audit: Audit): string {
  return (
    `  ${name}: ${audit.listed} listed, ${audit.absent} absent, false lapses now ${audit.falselyLapsed}, ` +
    `since start ${audit.falselyLapsedMeanwhile}, rightly lapsed ${audit.rightlyLapsed}, ` +
    `dead shown alive ${audit.stillShownAlive}, reads refused for load ${audit.refusedReads}`
  );
}

/** What is held, and how much of it a runner is beyond what the server held with its connections alone. */
function memory({ memory: points, options }: FleetReport): readonly string[] {
  const [alone] = points;
  if (alone === undefined) return [];
  const each = (bytes: number, before: number) => `${Math.round((bytes - before) / options.runners)} bytes`;
  return [
    "",
    "memory of the server: held after a garbage collection, resident after it, resident before it; and beyond the first, a runner",
    ...points.map(
      ({ when, heldBytes, rssBytes, rssAsFoundBytes }) =>
        `  ${when}: ${mebibytes(heldBytes)}, ${mebibytes(rssBytes)}, ${mebibytes(rssAsFoundBytes)}; ` +
        `${each(heldBytes, alone.heldBytes)}, ${each(rssBytes, alone.rssBytes)}, ${each(rssAsFoundBytes, alone.rssAsFoundBytes)}`,
    ),
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function line({ count, p50, p99, max }: Summary): string {
  if (count === 0) return "not measured";
  return `p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)}  max ${max.toFixed(1)} ms  (${count})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function counts(of: Readonly<Record<string, number>>): string {
  const entries = Object.entries(of);
  return entries.length === 0 ? "none" : entries.map(([name, count]) => `${name} ${count}`).join(", ");
}
