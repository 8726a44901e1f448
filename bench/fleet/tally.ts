/** What all simulated runners met in one phase of a run. */
export class Tally {
  /** From the call to its acknowledgement, in milliseconds. */
  readonly renewalMs: number[] = [];
  /** How often each refusal or failure of a renewal happened, by reason or code. */
  readonly failures = new Map<string, number>();
  /** The largest stretch of the interval that any reply told, in percent; 0: never stretched. */
  stretchPercent = 0;
  stretchedReplies = 0;
}

/** Where simulated runners tell what they meet; it counts for the phase that the run is in. */
export class Met {
  /** Runners that a refusal has ended for good. */
  endedForGood = 0;
  /** Attempts that failed since the start of the run. */
  failedAttempts = 0;
  #phase = new Tally();

  /** Another phase begins. @returns the one that has ended */
  turn(): Tally {
    const ended = this.#phase;
    this.#phase = new Tally();
    return ended;
  }

  /** Renewals that were acknowledged in this phase. */
  get renewals(): number {
    return this.#phase.renewalMs.length;
  }

  failed(reason: string): void {
    const { failures } = this.#phase;
    this.failedAttempts += 1;
    failures.set(reason, (failures.get(reason) ?? 0) + 1);
  }

  renewed(ms: number, stretchPercent: number): void {
    const phase = this.#phase;
    phase.renewalMs.push(ms);
    if (stretchPercent === 0) return;
    phase.stretchedReplies += 1;
    phase.stretchPercent = Math.max(phase.stretchPercent, stretchPercent);
  }
}
