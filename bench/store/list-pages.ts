import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { median } from "../fleet/stats.ts";
import { Wire } from "../fleet/wire.ts";

const list = RunnerService.method.listRunners;

/** Pages through all runners, 25 at a time, then times the first page against the last, 200 times in turns. */
export async function listPages(url: string, token: string, runners: number): Promise<readonly string[]> {
  const wire = new Wire(url, 1);
  try {
    const ids = new Set<string>();
    let rows = 0;
    let pages = 0;
    let lastToken = "";
    const startedAt = performance.now();
    let lastPage = 1;
    for (let next = ""; ; ) {
      const page = await wire.call(list, token, { pagination: { pageSize: 25, token: next } });
      for (const { runnerId } of page.runners) ids.add(runnerId);
      rows += page.runners.length;
      pages += 1;
      // The last full one: a shorter page would be quicker for that alone.
      if (page.runners.length === 25) [lastToken, lastPage] = [next, pages];
      next = page.pagination?.nextToken ?? "";
      if (next === "") break;
    }
    const tookMs = performance.now() - startedAt;
    const timed = async (pageToken: string): Promise<number> => {
      const at = performance.now();
      await wire.call(list, token, { pagination: { pageSize: 25, token: pageToken } });
      return performance.now() - at;
    };
    const [first, last]: [number[], number[]] = [[], []];
    for (let round = 0; round < 200; round++) {
      first.push(await timed(""));
      last.push(await timed(lastToken));
    }
    const [p1, pn] = [median(first), median(last)];
    const exact = rows === ids.size && ids.size === runners;
    return [
      `${pages} pages of 25 in ${(tookMs / 1000).toFixed(1)} s: ${rows} rows, ${ids.size} different, ${exact ? "every runner exactly once" : "WRONG"}`,
      `page 1: ${p1.toFixed(2)} ms; page ${lastPage}: ${pn.toFixed(2)} ms; ${(pn / p1).toFixed(2)} ×`,
    ];
  } finally {
    wire.close();
  }
}
