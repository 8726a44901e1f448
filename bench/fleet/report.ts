import type { Audit } from "./audit.ts";
import type { FleetOptions } from "./options.ts";
import type { Summary } from "./stats.ts";

/** Everything that a run found out. Times in milliseconds unless the name says otherwise. */
export interface FleetReport {
  readonly at: string;
  readonly machine: string;
  readonly options: Pick<FleetOptions, "runners" | "connections" | "own" | "windows" | "ramp" | "faults">;
  readonly windowMs: number;
  readonly registeredInMs: number;
  readonly liveInMs: number;
  readonly audits: readonly Audit[];
  readonly detection: {
    readonly polled: Summary;
    readonly stamped: Summary;
    readonly early: number;
    readonly missed: number;
    readonly moved: number;
  };
  readonly renewals: number;
  readonly renewalMs: Summary;
  readonly failures: Readonly<Record<string, number>>;
  readonly serverCpuMsPerRenewal: number | null;
  readonly serverCpuPercent: number | null;
  readonly loadCpuPercent: number;
  readonly bytesPerRunner: number | null;
  readonly serverRssBytes: number | null;
  readonly stretchPercent: number;
  readonly stretchedReplies: number;
  /** Warnings and errors in the server's log, by message. */
  readonly serverWarnings: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

/** Lapses of runners that were renewing in time, at any time of the run. */
export function falseLapses(report: FleetReport): number {
  const last = report.audits.at(-1)?.falselyLapsedMeanwhile ?? 0;
  return Math.max(...report.audits.map((audit) => audit.falselyLapsed), 0) + last + report.detection.early;
}

/** The report for people. */
export function asText(report: FleetReport): string {
  const { options, detection } = report;
  const faults = options.faults.map(({ kind, amount, at }) => `${kind}:${amount}@${at}`).join(",") || "none";
  const audits = report.audits.map(
    (audit, index) =>
      `  ${index + 1}: ${audit.listed} listed, ${audit.absent} absent, false lapses now ${audit.falselyLapsed}, ` +
      `since start ${audit.falselyLapsedMeanwhile}, rightly lapsed ${audit.rightlyLapsed}, ` +
      `dead shown alive ${audit.stillShownAlive}`,
  );
  return [
    `fleet of ${options.runners} runners, ${options.connections} shared connections, ${options.own} of their own, ${options.windows} windows of ${report.windowMs / 1000} s, faults ${faults}`,
    `${report.at} on ${report.machine}`,
    "",
    `registered and exchanged in   ${seconds(report.registeredInMs)}`,
    `all live in                   ${seconds(report.liveInMs)}`,
    `false lapses                  ${falseLapses(report)}`,
    `missed lapses                 ${detection.missed}`,
    `detection, read by polling    ${line(detection.polled)}`,
    `detection, time stamp         ${line(detection.stamped)}`,
    `  not counted, as a restart or a stall moved the deadline: ${detection.moved}`,
    `renewals measured             ${report.renewals}`,
    `renewal latency               ${line(report.renewalMs)}`,
    `failed renewals               ${counts(report.failures)}`,
    `server CPU per renewal        ${report.serverCpuMsPerRenewal?.toFixed(3) ?? "?"} ms (${report.serverCpuPercent?.toFixed(0) ?? "?"} % of a core; the load itself ${report.loadCpuPercent.toFixed(0)} %)`,
    `server memory per runner      ${report.bytesPerRunner === null ? "?" : (report.bytesPerRunner / 1024).toFixed(1)} KiB (${report.serverRssBytes === null ? "?" : Math.round(report.serverRssBytes / 2 ** 20)} MiB resident)`,
    `interval stretch              ${report.stretchPercent === 0 ? "none" : `up to ${report.stretchPercent} % of the normal interval, in ${report.stretchedReplies} replies`}`,
    `server warnings               ${counts(report.serverWarnings)}`,
    "audits of the whole list",
    ...audits,
    ...report.notes.map((note) => `note: ${note}`),
    "",
  ].join("\n");
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
