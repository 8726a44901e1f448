import { messageOf } from "../lib/thrown.ts";
import type { Live } from "./live.ts";

/** Asks the health hook, one question at a time, beside the renewals: a slow check must not make a lease lapse. */
export class HealthProbe {
  readonly #live: Pick<Live, "hooks" | "condition" | "life">;
  #running: Promise<void> | null = null;

  constructor(live: Pick<Live, "hooks" | "condition" | "life">) {
    this.#live = live;
  }

  /** Begins a check unless one is under way. */
  start(): void {
    void this.check();
  }

  /** Resolves when a check is done; never rejects. */
  check(): Promise<void> {
    this.#running ??= this.#ask().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Resolves when no check runs. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #ask(): Promise<void> {
    const { hooks, condition, life } = this.#live;
    if (hooks.health === undefined) return;
    try {
      await hooks.health(life);
      condition.set("health", null);
    } catch (error) {
      if (life.aborted) return;
      condition.set("health", `health check: ${messageOf(error)}`);
    }
  }
}
