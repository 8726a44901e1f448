import { writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { load } from "./load.ts";
import { SoakedServer, type Use } from "./soaked-server.ts";

// Loads a real server in rounds and measures it after each, when every client has gone: what a round leaves behind stays.
// Ends with 1 when the last rounds hold more than the first ones after the warm-up, or a call failed.

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    clients: { type: "string", default: "8" },
    sabotage: { type: "string" },
    count: { type: "string" },
  },
});

/** A third of them warms up; the median of three is compared with that of three. */
const rounds = 12;
const warmUp = 4;
/** How long the server has after a round to see that its clients are gone, in milliseconds. */
const settleMs = 1_000;
/** How much more the last rounds may hold than the first ones. */
const tolerated: Readonly<Record<keyof Use, number>> = {
  // Caches of known tokens, and of addresses, go on filling up to their bounds.
  heap: 3 * 2 ** 20,
  resources: 2,
  files: 2,
  // SQLite starts the log over at 4 MB, once nobody reads it.
  wal: 2 ** 20,
};
const say = (text: string) => void process.stdout.write(`${text}\n`);

const server = new SoakedServer(values.sabotage);
const problems: string[] = [];
const used: Use[] = [];
let calls = 0;
try {
  const url = await server.listening();
  const roundMs = (Number(values.seconds) * 1000) / rounds - settleMs;
  for (let round = 1; round <= rounds; round++) {
    calls += await load(url, server.token, Number(values.clients), roundMs);
    await wait(settleMs);
    const use = await server.use();
    used.push(use);
    say(`round ${round}: ${calls} calls, ${told(use)}`);
  }
  const [first, last] = [used.slice(warmUp, warmUp + 3), used.slice(-3)];
  for (const what of Object.keys(tolerated) as (keyof Use)[]) {
    const grown = median(last, what) - median(first, what);
    say(`${what}: ${grown >= 0 ? "+" : ""}${grown} after the warm-up, ${tolerated[what]} tolerated`);
    if (grown > tolerated[what]) problems.push(`${what} grew by ${grown}`);
  }
} catch (error) {
  problems.push(Error.isError(error) ? (error.stack ?? error.message) : String(error));
} finally {
  problems.push(...(await server.stop()));
}
for (const problem of problems) say(`FAIL ${problem}`);
if (values.count !== undefined) {
  writeFileSync(values.count, `${problems.length > 0 ? 0 : 1} ${problems.length > 0 ? 1 : 0}\n`);
}
process.exitCode = problems.length > 0 ? 1 : 0;

function median(of: readonly Use[], what: keyof Use): number {
  const sorted = of.map((use) => use[what]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function told({ heap, resources, files, wal }: Use): string {
  return `heap ${kib(heap)}, ${resources} resources, ${files} files, log ${kib(wal)}`;
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}
