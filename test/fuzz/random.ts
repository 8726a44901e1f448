/** Random numbers that a seed decides: xorshift, enough to find things and to find them again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** A whole number from 0, below `end`. */
  below(end: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % end;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  of<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error("nothing to choose from");
    return choice;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** The same bytes with a few of them changed, lost, doubled or cut off. */
  damaged(bytes: Uint8Array): Buffer {
    let damaged = Buffer.from(bytes);
    for (let round = this.below(4); round >= 0; round -= 1) {
      const at = this.below(damaged.length + 1);
      const kind = this.below(5);
      if (kind === 0 && at < damaged.length) damaged[at] = this.below(256);
      else if (kind === 1) damaged = damaged.subarray(0, at);
      else if (kind === 2)
        damaged = Buffer.concat([damaged.subarray(0, at), this.bytes(this.below(9)), damaged.subarray(at)]);
      else if (kind === 3)
        damaged = Buffer.concat([damaged.subarray(0, at), damaged.subarray(at + 1 + this.below(8))]);
      else damaged = Buffer.concat([damaged, damaged.subarray(0, at)]);
    }
    return damaged;
  }
}
