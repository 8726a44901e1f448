import type { Detection } from "./detection.ts";
import type { FaultTargets } from "./faults.ts";
import type { FleetOptions } from "./options.ts";
import type { ServerProcess } from "./server-process.ts";
import type { SimRunner } from "./sim-runner.ts";
import { sleep } from "./stats.ts";
import type { Wire } from "./wire.ts";

/** What a restart or a stall may add to a lease (RestartSettings, StallSettings), and some, in milliseconds. */
const movedByMs = 65_000;

/** How a server came back after it was killed. Times in milliseconds. */
export interface Restart {
  /** From the start of the process until it said that it listens. */
  readonly listeningMs: number;
  /** From the kill until 99 % of the runners, and all of them, had renewed again. */
  readonly most: number;
  readonly all: number;
  /** Attempts that failed meanwhile. */
  readonly failedAttempts: number;
}

export interface TargetsOptions {
  readonly options: FleetOptions;
  readonly server: ServerProcess | null;
  readonly wire: Wire;
  readonly fleet: readonly SimRunner[];
  readonly detection: Detection;
  readonly failedAttempts: () => number;
  readonly note: (text: string) => void;
}

/** What faults happen to: the network, the server and the runners of a run. */
export class Targets implements FaultTargets {
  readonly restarts: Restart[] = [];
  /** How much longer than their lease silent runners may live by now, in milliseconds. */
  graceMs = 0;
  readonly #run: TargetsOptions;

  constructor(run: TargetsOptions) {
    this.#run = run;
  }

  silence(percent: number): void {
    const { fleet, detection, options } = this.#run;
    const count = Math.round((fleet.length * percent) / 100);
    const silent = fleet.filter(({ stopped }) => !stopped).slice(0, count);
    for (const runner of silent) runner.stop();
    // Those that are polled should be a sample of all, not those that registered first.
    detection.watch(
      silent.toSorted(() => Math.random() - 0.5),
      options.polled,
    );
  }

  cut(seconds: number): void {
    this.#run.wire.cut(seconds);
  }

  slowDown(ms: number): void {
    this.#run.wire.slowDown(ms);
  }

  async restart(downSeconds: number): Promise<void> {
    const { server, fleet, failedAttempts } = this.#run;
    this.#deadlinesMoved();
    const failedBefore = failedAttempts();
    await server?.signal("SIGKILL");
    const killedAt = performance.now();
    const killedWall = Date.now();
    await sleep(downSeconds * 1000);
    await server?.start();
    this.#deadlinesMoved();
    const listeningMs = server?.startedInMs ?? 0;
    this.note(`listening ${Math.round(listeningMs)} ms after the start of the process`);
    let most = 0;
    for (let left = fleet.length; left > 0; ) {
      await sleep(100);
      left = fleet.filter(({ stopped, ackedWall }) => !stopped && ackedWall < killedWall).length;
      if (left <= fleet.length / 100) most ||= performance.now() - killedAt;
    }
    const all = performance.now() - killedAt;
    this.restarts.push({ listeningMs, most, all, failedAttempts: failedAttempts() - failedBefore });
    this.note(`all have renewed again ${Math.round(all)} ms after the kill`);
  }

  async stall(seconds: number): Promise<void> {
    const { server } = this.#run;
    this.#deadlinesMoved();
    await server?.signal("SIGSTOP");
    await sleep(seconds * 1000);
    await server?.signal("SIGCONT");
    this.#deadlinesMoved();
  }

  note(text: string): void {
    this.#run.note(text);
  }

  #deadlinesMoved(): void {
    this.graceMs = movedByMs;
    this.#run.detection.deadlinesMoved();
  }
}
