import type { Time } from "../../../src/agent/index.ts";

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that passes when a test says so. */
export class MovedTime implements Time {
  #wall = Date.UTC(2026, 0, 15, 12);
  #monotonic = 1_000;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { at: this.#monotonic + ms, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  /** Lets time pass; who is due is woken in order, and may go to sleep again before the rest passes. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms;
    for (;;) {
      await settle();
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > target) break;
      this.#pass(next.at - this.#monotonic);
      next.wake();
    }
    this.#pass(target - this.#monotonic);
    await settle();
  }

  /** What a closed lid does: the wall clock goes on, timers and the monotonic clock do not. */
  suspend(ms: number): void {
    this.#wall += ms;
  }

  #pass(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
