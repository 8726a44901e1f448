import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServerProcess } from "../fleet/server-process.ts";
import { median } from "../fleet/stats.ts";
import { Wire } from "../fleet/wire.ts";
import { fill } from "./fill.ts";

const pageSize = 25;
/** Calls of each kind, in turns. */
const turns = 200;

/** Median latencies of one ListRunners of 25, one in flight, in milliseconds. */
export interface ListEquality {
  readonly runners: number;
  readonly firstMs: number;
  /** Number of the deep page: 5,000, or the last full one. */
  readonly deepPage: number;
  readonly deepMs: number;
  /** The first page of the one provider that one runner of a hundred has. */
  readonly filteredMs: number;
}

/** Fills a server of its own through the API and times three pages against each other. */
export async function listEquality(runners: number): Promise<ListEquality> {
  const token = "bench-admin-token";
  // Its first runner is one more.
  const server = new ServerProcess({ token, flags: ["--max-runners", String(runners + 1)] });
  await server.start();
  const wire = new Wire(server.url, 1);
  const page = (next: string, providers: readonly RunnerProvider[] = []) =>
    wire.call(RunnerService.method.listRunners, token, {
      pagination: { pageSize, token: next },
      filter: { providers: [...providers] },
    });
  try {
    await fill(server.url, token, runners, 256, (index) =>
      index % 100 === 50 ? RunnerProvider.GCP : RunnerProvider.AWS_EC2,
    );
    const deepPage = Math.min(5_000, Math.floor(runners / pageSize));
    let deep = "";
    for (let at = 1; at < deepPage; at++) deep = (await page(deep)).pagination?.nextToken ?? "";
    const rare = [RunnerProvider.GCP];
    const times = { first: [] as number[], deep: [] as number[], filtered: [] as number[] };
    for (let turn = 0; turn < turns; turn++) {
      times.first.push(await timed(() => page("")));
      times.deep.push(await timed(() => page(deep)));
      times.filtered.push(await timed(() => page("", rare)));
    }
    return {
      runners,
      firstMs: median(times.first),
      deepPage,
      deepMs: median(times.deep),
      filteredMs: median(times.filtered),
    };
  } finally {
    wire.close();
    await server.stop();
  }
}

async function timed(work: () => Promise<{ runners: readonly unknown[] }>): Promise<number> {
  const from = performance.now();
  const { runners } = await work();
  const took = performance.now() - from;
  // A shorter page would be quicker for that alone.
  if (runners.length !== pageSize) throw new Error(`a page has ${runners.length} runners, not ${pageSize}`);
  return took;
}
