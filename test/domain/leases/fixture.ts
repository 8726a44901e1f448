import { LeaseEngine } from "../../../src/domain/leases/engine.ts";
import type { IncidentChange, LeaseTransition, RenewalGranted } from "../../../src/domain/leases/events.ts";
import { type LeaseFacts, LeaseState } from "../../../src/domain/leases/lease.ts";
import { defaultLeaseSettings, type LeaseSettings } from "../../../src/domain/leases/settings.ts";
import { RunnerPhase, RunnerProvider } from "../../../src/domain/runners/enums.ts";
import type { Clock } from "../../../src/lib/clock.ts";

export const SECOND = 1_000;
export const WALL_START = Date.UTC(2026, 0, 1);

/** A clock moved by hand: time passes on both faces, or the wall face alone is stepped. */
export class HandClock implements Clock {
  #wall = WALL_START;
  #monotonic = 5_000;
  now(): number {
    return this.#wall;
  }
  monotonic(): number {
    return this.#monotonic;
  }
  pass(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }
  stepWall(ms: number): void {
    this.#wall += ms;
  }
}

export function id(n: number): string {
  return `01890a5d-ac96-774b-bcce-${n.toString(16).padStart(12, "0")}`;
}

export function facts(n: number, over: Partial<LeaseFacts> = {}): LeaseFacts {
  return {
    runnerId: id(n),
    provider: RunnerProvider.AWS_EC2,
    generation: 0,
    state: LeaseState.NONE,
    phase: RunnerPhase.ACTIVE,
    appliedSpecRevision: 0,
    sinceMs: 0,
    lastSeenMs: 0,
    ...over,
  };
}

/** Facts of a runner that was live when the server stopped. */
export function liveFacts(n: number, over: Partial<LeaseFacts> = {}): LeaseFacts {
  return facts(n, {
    generation: 1,
    state: LeaseState.LIVE,
    sinceMs: WALL_START - 60_000,
    lastSeenMs: WALL_START - 5_000,
    ...over,
  });
}

/** An engine on a hand clock that keeps all it is told. */
export class Bench {
  readonly clock = new HandClock();
  readonly transitions: LeaseTransition[] = [];
  readonly incidents: IncidentChange[] = [];
  readonly stalls: number[] = [];
  readonly engine: LeaseEngine;

  constructor(settings: LeaseSettings = defaultLeaseSettings) {
    this.engine = new LeaseEngine({
      clock: this.clock,
      settings,
      listener: {
        transition: (transition) => void this.transitions.push(transition),
        incident: (change) => void this.incidents.push(change),
        stalled: (ms) => void this.stalls.push(ms),
      },
    });
  }

  /** Lets time pass as a server lives it: a tick whenever one is wanted. */
  run(ms: number): void {
    const end = this.clock.monotonic() + ms;
    for (let left = ms; left > 0; left = end - this.clock.monotonic()) {
      this.clock.pass(Math.min(left, Math.max(this.engine.nextDueMs(), 1)));
      this.engine.tick();
    }
  }

  /** Admits a runner and opens its first generation. */
  open(n: number, over: Partial<LeaseFacts> = {}): RenewalGranted {
    this.engine.admit(facts(n, over));
    return this.renew(n, 0);
  }

  renew(n: number, generation: number): RenewalGranted {
    const answer = this.engine.renew(id(n), { generation, appliedSpecRevision: 0 });
    if (!answer.ok) throw new Error(`refused: ${answer.reason}`);
    return answer;
  }

  live(n: number): boolean {
    return this.engine.view(id(n))?.state === LeaseState.LIVE;
  }

  kinds(n: number): string[] {
    return this.transitions.filter((t) => t.runnerId === id(n)).map((t) => t.kind);
  }
}
