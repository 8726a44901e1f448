/**
 * Looks after things that may take only so long. One timer looks at all of them, so that each may have a quarter more
 * than its time: there are as many of them as there are calls.
 */
export class Overdue<T> {
  readonly #timeoutMs: number;
  readonly #judge: (thing: T) => void;
  /** When each is looked at next, by performance.now(). */
  readonly #dueAt = new Map<T, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param judge hears of what has had its time, and again whenever that passes once more until ended() is called */
  constructor(timeoutMs: number, judge: (thing: T) => void) {
    this.#timeoutMs = timeoutMs;
    this.#judge = judge;
  }

  /** Until ended() is called for it. */
  watch(thing: T): void {
    this.#dueAt.set(thing, performance.now() + this.#timeoutMs);
    this.#timer ??= this.#lookLater();
  }

  ended(thing: T): void {
    this.#dueAt.delete(thing);
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.ceil(this.#timeoutMs / 4)).unref();
  }

  #look(): void {
    const now = performance.now();
    for (const [thing, dueAt] of this.#dueAt) {
      if (now < dueAt) continue;
      this.#dueAt.set(thing, now + this.#timeoutMs);
      this.#judge(thing);
    }
    this.#timer = this.#dueAt.size === 0 ? undefined : this.#lookLater();
  }
}
