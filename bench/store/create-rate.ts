import { ServerProcess } from "../fleet/server-process.ts";
import { median } from "../fleet/stats.ts";
import { fill } from "./fill.ts";
import { countFsyncs } from "./fsyncs.ts";

/** Creates a second, and fsyncs a create, at 1 and at 64 in flight. */
export async function createRate(token: string): Promise<readonly string[]> {
  const server = new ServerProcess({ token });
  await server.start();
  try {
    const lines: string[] = [];
    const rates: number[] = [];
    await fill(server.url, token, 500, 64);
    for (const [inFlight, count] of [
      [1, 400],
      [64, 4000],
    ] as const) {
      const runs: number[] = [];
      for (let run = 0; run < 5; run++) runs.push(await fill(server.url, token, count, inFlight));
      // Tracing slows the server down, so that is a run of its own.
      const fsyncs = await countFsyncs(server.pid, () => fill(server.url, token, count, inFlight));
      const each =
        fsyncs === null ? "not counted: no strace" : `${(fsyncs / count).toFixed(3)} fsyncs a create`;
      rates.push(median(runs));
      lines.push(`${inFlight} in flight: ${median(runs).toFixed(0)} a second, ${each}`);
    }
    return [...lines, `64 in flight against 1: ${((rates[1] ?? 0) / (rates[0] ?? 1)).toFixed(1)} ×`];
  } finally {
    await server.stop();
  }
}
