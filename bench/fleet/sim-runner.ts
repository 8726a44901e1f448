import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { RunnerCapability, RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService, type RunnerStatusReportSchema } from "../../gen/rollcall/v1/agent_pb.js";
import type { Met } from "./tally.ts";
import { CallFailed, type Wire } from "./wire.ts";

const renew = RunnerAgentService.method.renewRegistration;

/** What the first renewal of a process tells. */
const fullStatus: MessageInitShape<typeof RunnerStatusReportSchema> = {
  phase: RunnerPhase.ACTIVE,
  version: "bench 1.0.0",
  region: "eu-central-1",
  systemDetails: JSON.stringify({ os: "linux", arch: "amd64", cpus: 8, memoryBytes: 34_359_738_368 }),
  capabilities: { values: [RunnerCapability.AGENT_EXECUTION] },
};

/**
 * One runner: renews when the server said, retries as docs/agent-protocol.md says, keeps a record of when it was
 * acknowledged. Times named `…Wall` are wall-clock milliseconds since the Unix epoch, others are milliseconds.
 */
export class SimRunner {
  readonly id: string;
  readonly lane: number;
  readonly #token: string;
  readonly #wire: Wire;
  readonly #met: Met;
  #generation = 0;
  #revision = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  leaseMs = 0;
  /** When the last acknowledged renewal was sent; 0: none was. Its lease cannot end sooner than counted from here. */
  sentWall = 0;
  /** The same of the acknowledged renewal before that one. */
  sentBeforeWall = 0;
  /** When the last acknowledgement arrived. */
  ackedWall = 0;
  /** When this runner's first renewal was acknowledged. */
  liveSinceWall = 0;
  /** Whether the time between two acknowledged renewals ever was longer than the lease. */
  wasSilentTooLong = false;

  constructor(options: { id: string; token: string; lane: number; wire: Wire; met: Met }) {
    this.id = options.id;
    this.lane = options.lane;
    this.#token = options.token;
    this.#wire = options.wire;
    this.#met = options.met;
  }

  /** The first renewal after so many milliseconds. Resolves when it is acknowledged. */
  start(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = setTimeout(() => void this.#renew().then(resolve), delayMs);
    });
  }

  /** Falls silent, as a machine without power does. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  async #renew(): Promise<void> {
    const sentWall = Date.now();
    const sent = performance.now();
    try {
      const reply = await this.#wire.call(
        renew,
        this.#token,
        {
          generation: this.#generation,
          appliedSpecRevision: this.#revision,
          ...(this.#generation === 0 && { status: fullStatus }),
        },
        { lane: this.lane, timeoutMs: Math.min(20_000, 5_000 * 2 ** this.#failures) },
      );
      this.#met.renewed(performance.now() - sent, reply.intervalStretchPercent);
      if (this.sentWall > 0 && Date.now() - this.sentWall > this.leaseMs) this.wasSilentTooLong = true;
      this.#failures = 0;
      this.#generation = reply.generation;
      this.#revision = reply.wanted?.revision ?? this.#revision;
      this.leaseMs = reply.lease ? durationMs(reply.lease) : 0;
      this.sentBeforeWall = this.sentWall;
      this.sentWall = sentWall;
      this.ackedWall = Date.now();
      this.liveSinceWall ||= this.ackedWall;
      this.#again(reply.renewAfter ? durationMs(reply.renewAfter) : 0);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof CallFailed)) throw error;
    if (!this.#stopped) this.#met.failed(error.code);
    switch (error.code) {
      case "GENERATION_UNKNOWN":
      case "GENERATION_ENDED":
        this.#generation = 0;
        this.#again(0);
        return;
      case "TOKEN_REVOKED":
      case "TOKEN_EXPIRED":
      case "TOKEN_UNKNOWN":
      case "RUNNER_DELETED":
      case "SUPERSEDED":
      case "WRONG_RUNNER":
        this.#met.endedForGood += 1;
        this.stop();
        return;
      default: {
        this.#failures += 1;
        const leftMs = this.sentWall + this.leaseMs - Date.now();
        const mostMs = leftMs > 0 ? Math.max(1_000, leftMs / 2) : 15_000;
        const bound = Math.min(1_000 * 2 ** (this.#failures - 1), mostMs, 15_000);
        this.#again(error.askedMs + bound * (0.5 + Math.random() / 2));
      }
    }
  }

  #again(delayMs: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#renew(), delayMs);
  }
}
