import { messageOf } from "../lib/thrown.ts";
import { Backoff } from "./backoff.ts";
import { Complaint } from "./complaint.ts";
import type { Condition } from "./condition.ts";
import type { AgentLog } from "./log.ts";
import type { AgentHooks } from "./options.ts";
import type { Time } from "./time.ts";
import type { AgentTiming } from "./timing.ts";
import { Bell, pause } from "./waiting.ts";
import type { WantedState } from "./wanted.ts";

/** Nothing to do: until the bell rings. */
const idleMs = 24 * 60 * 60 * 1_000;

export interface SpecApplierDeps {
  readonly apply: AgentHooks["onSpec"];
  readonly condition: Condition;
  readonly log: AgentLog;
  readonly time: Time;
  readonly timing: AgentTiming;
  readonly random: () => number;
  /** Called when a revision was applied. */
  readonly applied: () => void;
}

/** Brings the host to the newest wanted spec, one try at a time, until it succeeds or another is wanted. */
export class SpecApplier {
  readonly #deps: SpecApplierDeps;
  readonly #bell = new Bell();
  #wanted: WantedState | null = null;
  #pushes = 0;
  #appliedRevision = 0;

  constructor(deps: SpecApplierDeps) {
    this.#deps = deps;
  }

  /** 0 before the first one: what an earlier process applied is applied again, which must do no harm. */
  get appliedRevision(): number {
    return this.#appliedRevision;
  }

  /** Changes with each push, so that an answer can tell whether it was overtaken by one. */
  get pushes(): number {
    return this.#pushes;
  }

  push(wanted: WantedState): void {
    this.#pushes += 1;
    this.#want(wanted);
  }

  /** @param pushesBefore `pushes` when the renewal was sent that brought this spec */
  renewalBrought(wanted: WantedState, pushesBefore: number): void {
    // A server that was set back wants a lower revision, and means it; an answer that a push overtook does not.
    if (this.#pushes !== pushesBefore && wanted.revision < (this.#wanted?.revision ?? 0)) return;
    this.#want(wanted);
  }

  #want(wanted: WantedState): void {
    if (wanted.revision === this.#wanted?.revision) return;
    this.#wanted = wanted;
    this.#bell.ring();
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { time, timing, random, log } = this.#deps;
    const backoff = new Backoff(timing.specRetry, random);
    const failing = new Complaint(log, time, "could not apply the wanted spec; trying again");
    const wake = (): void => this.#bell.ring();
    signal.addEventListener("abort", wake, { once: true });
    let tried = 0;
    while (!signal.aborted) {
      this.#bell.quiet();
      const wanted = this.#wanted;
      if (wanted === null || wanted.revision === this.#appliedRevision) {
        await time.sleep(idleMs, this.#bell.signal);
        continue;
      }
      if (wanted.revision !== tried) backoff.reset();
      tried = wanted.revision;
      const problem = await this.#apply(wanted, signal);
      if (signal.aborted) break;
      this.#deps.condition.set("spec", problem);
      if (problem === null) {
        this.#appliedRevision = wanted.revision;
        failing.over();
        log.info({ revision: wanted.revision, paused: wanted.paused }, "applied the wanted spec");
        this.#deps.applied();
      } else {
        const delayMs = Math.round(backoff.nextMs());
        failing.tell(problem, { delayMs });
        await pause(time, delayMs, this.#bell.signal, timing);
      }
    }
    signal.removeEventListener("abort", wake);
  }

  async #apply(wanted: WantedState, signal: AbortSignal): Promise<string | null> {
    try {
      await this.#deps.apply?.(wanted, signal);
      return null;
    } catch (error) {
      const why = messageOf(error);
      return `applying spec revision ${wanted.revision}: ${why}`;
    }
  }
}
