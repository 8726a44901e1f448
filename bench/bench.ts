import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { barChart } from "./chart.ts";
import { machine } from "./fleet/proc.ts";
import { type BenchOptions, readOptions, usage } from "./options.ts";
import { asText, type BenchReport } from "./report.ts";
import { type Field, type Row, rowsOf } from "./rows.ts";
import { runRows } from "./run.ts";
import { listEquality } from "./store/list-equality.ts";
import { record, startOurs, startProgram } from "./subjects/contenders.ts";
import { Etcd } from "./subjects/etcd.ts";
import { buildGoPeers, GoPeer, goPeerVersions } from "./subjects/go-peers.ts";
import { targetsOf } from "./targets.ts";

// Measures Rollcall against a floor, against its own framework, against what users would write or pick instead, in one run.

const out = join(import.meta.dirname, "out");
const results = join(import.meta.dirname, "results");
const progress = (text: string) => void process.stderr.write(`${text}\n`);

/** The label that --only is matched with for the comparison of pages. */
const listLabel = "list equality";

try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) process.stdout.write(usage);
  else await bench(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

async function bench(options: BenchOptions): Promise<void> {
  const measured = await withField(async (field) => {
    const rows = rowsOf(field).filter(({ label }) => options.only.test(label));
    return { rows, results: await runRows(rows, options, progress) };
  });
  if (options.only.test(listLabel)) progress(`list of ${options.listRunners} runners`);
  const list = options.only.test(listLabel) ? await listEquality(options.listRunners) : null;
  const report: BenchReport = {
    at: new Date().toISOString(),
    machine: machine(),
    node: process.version,
    versions: peerVersions(),
    rounds: options.rounds,
    seconds: options.seconds,
    rows: Object.fromEntries(measured.results),
    list,
    targets: targetsOf(measured.results, list),
  };
  const files = {
    "report.json": `${JSON.stringify(report, null, 2)}\n`,
    "report.txt": asText(report),
    "chart.svg": chart(report, measured.rows),
  };
  mkdirSync(out, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(out, name), text);
  if (options.save) {
    mkdirSync(results, { recursive: true });
    for (const name of Object.keys(files)) copyFileSync(join(out, name), join(results, name));
  }
  process.stdout.write(files["report.txt"]);
}

/** Of the libraries that the others are made of. */
function peerVersions(): Record<string, string> {
  const text = readFileSync(join(import.meta.dirname, "../package.json"), "utf8");
  const { dependencies, devDependencies } = JSON.parse(text);
  const installed: Record<string, string> = { ...dependencies, ...devDependencies };
  return {
    "connect-node": installed["@connectrpc/connect-node"] ?? "?",
    "grpc-js": installed["@grpc/grpc-js"] ?? "?",
    "better-sqlite3": installed["better-sqlite3"] ?? "?",
    ...goPeerVersions(),
  };
}

/** Starts everybody, and stops everybody whatever happens. */
async function withField<T>(work: (field: Field) => Promise<T>): Promise<T> {
  await using running = new AsyncDisposableStack();
  const started = <C extends { stop(): Promise<void> }>(contender: C): C =>
    running.adopt(contender, (one) => one.stop());
  const ours = started(await startOurs("on"));
  const oursLongWay = started(await startOurs("off"));
  const recorded = await record(ours);
  const floor = started(await startProgram("floor.ts", recorded));
  const connect = started(await startProgram("connect-echo.ts", recorded));
  const peer = started(await startProgram("grpc-js-insert.ts"));
  const found = await Etcd.start();
  if (found === null) progress("there is no etcd on PATH: its rows are left out");
  const etcd = found === null ? null : started(found);
  const program = buildGoPeers(join(out, "go-peers"));
  if (program === null) progress("there is no Go on PATH: the rows of grpc-go and connect-go are left out");
  const goPeers =
    program === null
      ? null
      : {
          grpc: started(await GoPeer.start(program, "grpc", recorded)),
          connect: started(await GoPeer.start(program, "connect", recorded)),
        };
  // Awaited here: all of them stop when this function ends.
  return await work({ ours, oursLongWay, floor, connect, peer, etcd, goPeers });
}

/** What each call over gRPC costs against the floor of the same call; etcd's put against that of CreateRunner. */
function chart(report: BenchReport, rows: readonly Row[]): string {
  const floorOf = (call: string) =>
    report.rows[
      `${call === "Put" ? "CreateRunner" : call === "LeaseKeepAlive" ? "RenewRegistration" : call} gRPC HTTP/2 floor`
    ];
  const bars = rows
    .filter(({ way }) => way.protocol === "gRPC")
    .flatMap(({ label, call }) => {
      const [cpu, floor] = [report.rows[label]?.at64.cpuUs, floorOf(call.name)?.at64.cpuUs];
      if (cpu === undefined || floor === undefined) return [];
      return [{ label: label.replace(" gRPC HTTP/2", ""), value: cpu / floor, ours: label.endsWith("ours") }];
    });
  return barChart(
    "Server CPU for a call, against a bare node:http2 echo",
    `gRPC, 64 in flight; shorter is better; grpc-go ${report.versions["grpc-go"]}, ` +
      `connect-go ${report.versions["connect-go"]}; ${report.at.slice(0, 10)}, ${report.machine}`,
    bars,
  );
}
