import { timestampMs } from "@bufbuild/protobuf/wkt";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import type { SimRunner } from "./sim-runner.ts";
import { sleep } from "./stats.ts";
import type { Wire } from "./wire.ts";

/** How often the status of a silenced runner is read around its deadline, in milliseconds. */
const pollMs = 100;
/** A runner that still reads as live so long after its deadline is a missed lapse, in milliseconds. */
const missedAfterMs = 30_000;

/**
 * Measures how long after its deadline a silenced runner reads INACTIVE. The deadline is counted from the moment
 * in which the last acknowledged renewal was *sent*: the server's own is a little later, so latencies come out
 * too long rather than too short, by the time that one way of that call took.
 */
export class Detection {
  /** From the deadline to the first read that said INACTIVE, in milliseconds. */
  readonly polledMs: number[] = [];
  /** From the deadline to the time of the lapse that the server stored, in milliseconds, of runners nobody polled. */
  readonly stampedMs: number[] = [];
  /** Read INACTIVE before the deadline. */
  early = 0;
  missed = 0;
  /** Not counted: the server was restarted or stalled meanwhile, so the deadline moved. */
  moved = 0;
  #movedAtWall = 0;
  readonly #wire: Wire;
  readonly #token: string;
  readonly #pending: Promise<void>[] = [];

  constructor(wire: Wire, token: string) {
    this.#wire = wire;
    this.#token = token;
  }

  /** Deadlines that run now are no longer known from outside. */
  deadlinesMoved(): void {
    this.#movedAtWall = Date.now();
  }

  /** Watches runners that have fallen silent: the first `polled` by reading them, the rest by their time stamp. */
  watch(silent: readonly SimRunner[], polled: number): void {
    for (const runner of silent.slice(0, polled)) this.#pending.push(this.#poll(runner));
    for (const runner of silent.slice(polled)) this.#pending.push(this.#readStamp(runner));
  }

  async finish(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #poll(runner: SimRunner): Promise<void> {
    await sleep(runner.sentWall + runner.leaseMs - 300 - Date.now());
    for (;;) {
      const late = await this.#lateIfInactive(runner, () => Date.now());
      if (late === "live") await sleep(pollMs);
      else if (late === "done") return;
      else return void this.polledMs.push(late);
    }
  }

  async #readStamp(runner: SimRunner): Promise<void> {
    await sleep(runner.sentWall + runner.leaseMs + 10_000 - Date.now());
    for (;;) {
      const late = await this.#lateIfInactive(runner, (stampWall) => stampWall);
      if (late === "live") await sleep(5_000);
      else if (late === "done") return;
      else return void this.stampedMs.push(late);
    }
  }

  async #lateIfInactive(
    runner: SimRunner,
    at: (stampWall: number) => number,
  ): Promise<number | "live" | "done"> {
    const { runner: read } = await this.#wire
      .call(RunnerService.method.getRunner, this.#token, { runnerId: runner.id })
      .catch(() => ({ runner: undefined }));
    // Read anew each time: a renewal that was on its way when the runner fell silent may have been heard.
    const deadline = runner.sentWall + runner.leaseMs;
    const moved = this.#movedAtWall > runner.sentWall;
    if (read?.status?.phase !== RunnerPhase.INACTIVE) {
      if (Date.now() - deadline < missedAfterMs + (moved ? 60_000 : 0)) return "live";
      this.missed += 1;
      return "done";
    }
    const late = at(read.status.updatedAt ? timestampMs(read.status.updatedAt) : 0) - deadline;
    if (late < 0) this.early += 1;
    else if (moved) this.moved += 1;
    else return late;
    return "done";
  }
}
