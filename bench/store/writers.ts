import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { CommitQueue } from "../../src/store/sqlite/commit-queue.ts";
import { OutsideChanges } from "../../src/store/sqlite/outside-changes.ts";
import { WriteAheadLog } from "../../src/store/sqlite/write-ahead-log.ts";
import { median, type Summary, summary } from "../fleet/stats.ts";
import { insertRow, openTable, type Row } from "./writer-table.ts";

// Where durable writes should happen: on the main thread that waits for the disk; on the main thread with the sync in the
// thread pool, as the server does it; or on a thread of their own that is sent the rows of a turn of the event loop as one
// message. The same rows, 64 writes waiting at once.
//
//   node bench/store/writers.ts [seconds]

const seconds = Number(process.argv[2] ?? 5);
const inFlight = 64;
const rounds = 5;
const print = (text: string) => void process.stdout.write(`${text}\n`);

interface Writer {
  write(row: Row): Promise<unknown>;
  close(): Promise<void>;
}

function onMainThread(file: string): Writer {
  const database = openTable(file);
  const insert = insertRow(database);
  const queue = new CommitQueue(database);
  return {
    write: (row) => queue.run(() => insert.run(row)),
    async close() {
      await queue.close();
      database.close();
    },
  };
}

function syncedInThreadPool(file: string): Writer {
  const database = openTable(file);
  database.pragma("busy_timeout = 0");
  const insert = insertRow(database);
  const sync = new WriteAheadLog(database, new OutsideChanges(database));
  const queue = new CommitQueue(database, { sync });
  return {
    write: (row) => queue.run(() => insert.run(row)),
    async close() {
      await queue.close();
      await sync.endCheckpoints();
      database.close();
      sync.release();
    },
  };
}

function onWorker(file: string): Writer {
  const worker = new Worker(join(import.meta.dirname, "writer-thread.ts"), { workerData: file });
  const sent: (() => void)[][] = [];
  let rows: Row[] = [];
  let waiting: (() => void)[] = [];
  worker.on("message", () => {
    for (const done of sent.shift() ?? []) done();
  });
  const flush = () => {
    worker.postMessage(rows);
    sent.push(waiting);
    rows = [];
    waiting = [];
  };
  return {
    write: (row) =>
      new Promise<void>((resolve) => {
        if (rows.length === 0) setImmediate(flush);
        rows.push(row);
        waiting.push(resolve);
      }),
    async close() {
      await worker.terminate();
    },
  };
}

/** Writes for so long, and says how fast, at what cost, and how long the event loop stood still. */
async function measure(open: (file: string) => Writer) {
  const folder = mkdtempSync(join(tmpdir(), "bench-writers-"));
  const writer = open(join(folder, "writers.db"));
  await writer.write({ id: "first", payload: Buffer.alloc(1) });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const from = performance.now();
  let written = 0;
  const payload = Buffer.alloc(400, "x");
  const loop = async (caller: number) => {
    for (let i = 0; performance.now() - from < seconds * 1000; i += 1) {
      await writer.write({ id: `${caller}-${i}`, payload });
      written += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, caller) => loop(caller)));
  const took = (performance.now() - from) / 1000;
  const used = process.cpuUsage(cpu);
  delay.disable();
  await writer.close();
  rmSync(folder, { recursive: true });
  return {
    perSecond: written / took,
    cpuUs: (used.user + used.system) / written,
    loopP99Ms: delay.percentile(99) / 1e6,
    loopMaxMs: delay.max / 1e6,
  };
}

/** How long one fsync of a small append takes here, without anything around it. */
function fsyncMs(): Summary {
  const folder = mkdtempSync(join(tmpdir(), "bench-fsync-"));
  const database = openTable(join(folder, "fsync.db"));
  const insert = insertRow(database);
  const took = Array.from({ length: 500 }, (_, i) => {
    const from = performance.now();
    insert.run({ id: String(i), payload: Buffer.alloc(400) });
    return performance.now() - from;
  });
  database.close();
  rmSync(folder, { recursive: true });
  return summary(took);
}

type Measured = Awaited<ReturnType<typeof measure>>;

const ways = {
  "main thread": onMainThread,
  "thread pool": syncedInThreadPool,
  "worker thread": onWorker,
} as const;
const runs: Record<string, Measured[]> = {};
for (let round = 0; round < rounds; round += 1) {
  for (const [name, open] of Object.entries(ways)) {
    runs[name] = [...(runs[name] ?? []), await measure(open)];
  }
}
const one = fsyncMs();
print(
  `one durable commit of one row: p50 ${one.p50.toFixed(2)} ms, p99 ${one.p99.toFixed(2)} ms, max ${one.max.toFixed(1)} ms`,
);
for (const [name, measured] of Object.entries(runs)) {
  print(
    `${name.padEnd(14)} ${median(measured.map((run) => run.perSecond)).toFixed(0)} writes/s, ` +
      `${median(measured.map((run) => run.cpuUs)).toFixed(1)} us of CPU a write, ` +
      `event loop delayed p99 ${median(measured.map((run) => run.loopP99Ms)).toFixed(1)} ms, ` +
      `longest ${Math.max(...measured.map((run) => run.loopMaxMs)).toFixed(1)} ms`,
  );
}
