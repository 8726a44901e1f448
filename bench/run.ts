import { fieldsOf } from "./calls.ts";
import { median } from "./fleet/stats.ts";
import { type Measured, measure } from "./measure.ts";
import type { BenchOptions } from "./options.ts";
import type { Row } from "./rows.ts";
import { countFsyncs } from "./store/fsyncs.ts";

/** Medians over the rounds, by number of calls in flight. */
export interface Result {
  readonly label: string;
  /** CPU of the server, user and system, in microseconds a call. */
  readonly cpuUs: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Bytes a call on the server's main heap; null where nobody knows. */
  readonly allocated: number | null;
  /** Of all rounds. */
  readonly failed: number;
  /** Share of one core that the load process took: near 1 it is the bottleneck. */
  readonly loadShare: number;
  readonly loadCpuUs: number;
}

export interface RowResult {
  readonly at1: Result;
  readonly at64: Result;
  /** fsync and fdatasync for each durable call at 64 in flight; null where not counted or nothing is durable. */
  readonly fsyncs: number | null;
}

/** Measures every row once in each round, so that what else the machine does hits all alike. */
export async function runRows(
  rows: readonly Row[],
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<ReadonlyMap<string, RowResult>> {
  const runs = new Map(rows.map(({ label }) => [label, { at1: [] as Measured[], at64: [] as Measured[] }]));
  for (let round = 1; round <= options.rounds; round++) {
    progress(`round ${round} of ${options.rounds}, ${rows.length} rows`);
    for (const row of rows) {
      const of = runs.get(row.label);
      of?.at64.push(await load(row, 64, options.seconds));
      of?.at1.push(await load(row, 1, options.seconds));
    }
  }
  const results = new Map<string, RowResult>();
  for (const row of rows) {
    const { at1, at64 } = runs.get(row.label) ?? { at1: [], at64: [] };
    const fsyncs = row.durable ? await fsyncsOf(row, options.seconds) : null;
    results.set(row.label, { at1: medians(row.label, at1), at64: medians(row.label, at64), fsyncs });
  }
  return results;
}

function load(row: Row, inFlight: number, seconds: number, warmUpMs = seconds * 400): Promise<Measured> {
  const { who, call, way } = row;
  return measure(
    {
      host: "127.0.0.1",
      port: way.http === "2" ? who.ports.h2 : who.ports.h1,
      http: way.http,
      path: call.path,
      fields: fieldsOf(call, way),
      body: call.body(way).toString("base64"),
      inFlight,
      warmUpMs,
      countMs: seconds * 1000,
    },
    () => who.use(),
  );
}

/** Tracing slows the server down, so that is a run of its own. All its calls count, the first ones too. */
async function fsyncsOf(row: Row, seconds: number): Promise<number | null> {
  let calls = 0;
  const fsyncs = await countFsyncs(row.who.pid, async () => {
    const { calls: counted } = await load(row, 64, seconds, 0);
    calls = counted;
  });
  return fsyncs === null ? null : fsyncs / Math.max(1, calls);
}

function medians(label: string, runs: readonly Measured[]): Result {
  const of = (value: (run: Measured) => number) => median(runs.map(value));
  const allocated = runs.map((run) => run.allocated);
  return {
    label,
    cpuUs: of(({ cpuUs }) => cpuUs),
    perSecond: of(({ calls, seconds }) => calls / seconds),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    allocated: allocated.includes(null) ? null : median(allocated.map((bytes) => bytes ?? 0)),
    failed: runs.reduce((sum, { failed }) => sum + failed, 0),
    loadShare: of(({ ownCpuUs, calls, seconds }) => (ownCpuUs * calls) / (seconds * 1e6)),
    loadCpuUs: of(({ ownCpuUs }) => ownCpuUs),
  };
}
