import type { Result, RowResult } from "./run.ts";
import type { ListEquality } from "./store/list-equality.ts";
import type { Target } from "./targets.ts";

/** Everything that a run found out. */
export interface BenchReport {
  readonly at: string;
  readonly machine: string;
  readonly node: string;
  /** Of those it is compared with, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: Readonly<Record<string, RowResult>>;
  /** Null where --only left it out. */
  readonly list: ListEquality | null;
  readonly targets: readonly Target[];
}

/** A load process that takes more of its core may be what was measured. */
const mostLoadShare = 0.8;

/** The report for people. */
export function asText(report: BenchReport): string {
  const { list } = report;
  const rows = Object.entries(report.rows);
  const width = Math.max(4, ...rows.map(([label]) => label.length));
  const head =
    "CPU µs".padStart(9) +
    "calls/s".padStart(9) +
    "p50 ms".padStart(9) +
    "p99 ms".padStart(9) +
    "alloc B".padStart(9);
  return [
    `${report.at} on ${report.machine}, Node ${report.node}: medians of ${report.rounds} rounds of ${report.seconds} s`,
    `beside ${Object.entries(report.versions)
      .map((one) => one.join(" "))
      .join(", ")}`,
    "CPU, user and system, of the server's process for each call; allocation on its main heap.",
    ...([64, 1] as const).flatMap((inFlight) => [
      "",
      `${inFlight} in flight`.padEnd(width) + head + (inFlight === 64 ? "fsyncs".padStart(14) : ""),
      ...rows.map(([label, { at1, at64, fsyncs }]) => {
        const line = label.padEnd(width) + numbers(inFlight === 64 ? at64 : at1);
        return inFlight === 64 ? line + (fsyncs?.toFixed(3) ?? "").padStart(14) : line;
      }),
    ]),
    "",
    ...(list === null
      ? []
      : [
          `ListRunners of 25 among ${list.runners}, one in flight: page 1 ${list.firstMs.toFixed(2)} ms, ` +
            `page ${list.deepPage} ${list.deepMs.toFixed(2)} ms, one provider's 1 % ${list.filteredMs.toFixed(2)} ms`,
          "",
        ]),
    ...report.targets.map(({ text, value, met }) =>
      value === null
        ? `not measured  ${text}`
        : `${met === true ? "met         " : "NOT MET     "}  ${text}: ${value.toFixed(2)}`,
    ),
    ...warnings(rows),
    "",
  ].join("\n");
}

function numbers({ cpuUs, perSecond, p50, p99, allocated }: Result): string {
  return [
    cpuUs.toFixed(1),
    perSecond.toFixed(0),
    p50.toFixed(2),
    p99.toFixed(2),
    allocated?.toFixed(0) ?? "?",
  ]
    .map((text) => text.padStart(9))
    .join("");
}

function warnings(rows: readonly [string, RowResult][]): readonly string[] {
  return rows.flatMap(([label, { at1, at64 }]) => {
    const failed = at1.failed + at64.failed;
    const share = Math.max(at1.loadShare, at64.loadShare);
    return [
      ...(failed > 0 ? [`warning: ${failed} calls failed: ${label}`] : []),
      ...(share > mostLoadShare
        ? [
            `warning: the load process took ${(share * 100).toFixed(0)} % of a core ` +
              `(${at64.loadCpuUs.toFixed(0)} µs a call), calls a second may be its limit: ${label}`,
          ]
        : []),
    ];
  });
}
