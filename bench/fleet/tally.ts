/** What all simulated runners met, in one place. */
export class Tally {
  /** From the call to its acknowledgement, in milliseconds, of renewals while `measuring`. */
  readonly renewalMs: number[] = [];
  /** How often each refusal or failure of a renewal happened, by reason or code. */
  readonly failures = new Map<string, number>();
  /** Acknowledged renewals since the start. */
  renewals = 0;
  measuring = false;
  /** The largest stretch of the interval that any reply told, in percent; 0: never stretched. */
  stretchPercent = 0;
  stretchedReplies = 0;

  failed(reason: string): void {
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
  }

  renewed(ms: number, stretchPercent: number): void {
    this.renewals += 1;
    if (this.measuring) this.renewalMs.push(ms);
    if (stretchPercent === 0) return;
    this.stretchedReplies += 1;
    this.stretchPercent = Math.max(this.stretchPercent, stretchPercent);
  }
}
