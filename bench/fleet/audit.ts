import { timestampMs } from "@bufbuild/protobuf/wkt";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import type { SimRunner } from "./sim-runner.ts";
import { sleep } from "./stats.ts";
import { CallFailed, type Wire } from "./wire.ts";

/** What the whole list of runners said at one moment. */
export interface Audit {
  readonly listed: number;
  /** Runners of the fleet that the list lacked. */
  readonly absent: number;
  /** Renewing runners whose lease had not run out, yet they were not ACTIVE. */
  readonly falselyLapsed: number;
  /** Renewing runners that are ACTIVE, but had lapsed since their start without having been silent too long. */
  readonly falselyLapsedMeanwhile: number;
  /** Renewing runners that the fault itself kept silent longer than their lease. */
  readonly rightlyLapsed: number;
  /** How often the server refused to read a page because it had too much to do. */
  readonly refusedReads: number;
  /** Silent runners past their deadline (and a second) that still read ACTIVE. */
  readonly stillShownAlive: number;
}

/** How far the first acknowledgement may follow the time stamp of the first status, in milliseconds. */
const stampSlackMs = 2_000;

/**
 * Reads the status of every runner through ListRunners and compares it with what the runners know of themselves.
 * @param graceMs how much longer than their lease silent runners may live because of a restart or a stall
 */
export async function audit(
  wire: Wire,
  token: string,
  fleet: ReadonlyMap<string, SimRunner>,
  graceMs: number,
): Promise<Audit> {
  const counts = {
    listed: 0,
    falselyLapsed: 0,
    falselyLapsedMeanwhile: 0,
    rightlyLapsed: 0,
    stillShownAlive: 0,
    refusedReads: 0,
  };
  const seen = new Set<string>();
  for (let next = ""; ; ) {
    const request = { pagination: { pageSize: 100, token: next } };
    const page = await wire.call(RunnerService.method.listRunners, token, request).catch(waitIfOverloaded);
    if (page === null) {
      counts.refusedReads += 1;
      continue;
    }
    for (const { runnerId, status } of page.runners) {
      counts.listed += 1;
      seen.add(runnerId);
      const runner = fleet.get(runnerId);
      if (runner !== undefined && status !== undefined) {
        const stampWall = status.updatedAt ? timestampMs(status.updatedAt) : 0;
        const finding = compare(runner, status.phase, stampWall, graceMs);
        if (finding !== null) counts[finding] += 1;
      }
    }
    next = page.pagination?.nextToken ?? "";
    if (next === "") break;
  }
  return { ...counts, absent: [...fleet.keys()].filter((id) => !seen.has(id)).length };
}

/** @returns null when the same call may be made again */
async function waitIfOverloaded(error: unknown): Promise<null> {
  if (!(error instanceof CallFailed) || error.code !== "OVERLOADED") throw error;
  await sleep(error.askedMs);
  return null;
}

function compare(runner: SimRunner, phase: RunnerPhase, stampWall: number, graceMs: number) {
  const deadlineWall = runner.sentWall + runner.leaseMs;
  if (runner.stopped) {
    const overdue = Date.now() > deadlineWall + graceMs + 1_000;
    return phase === RunnerPhase.ACTIVE && overdue ? "stillShownAlive" : null;
  }
  if (phase !== RunnerPhase.ACTIVE) {
    // It may have come back while the page was on its way: then the renewal before counts.
    const cameBack = stampWall >= runner.sentBeforeWall + runner.leaseMs && stampWall <= runner.ackedWall;
    return stampWall >= deadlineWall || cameBack ? "rightlyLapsed" : "falselyLapsed";
  }
  if (stampWall <= runner.liveSinceWall + stampSlackMs) return null;
  return runner.wasSilentTooLong ? "rightlyLapsed" : "falselyLapsedMeanwhile";
}
