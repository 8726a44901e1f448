import type { Time } from "./time.ts";
import type { AgentTiming } from "./timing.ts";

/** A wait that can be cut short, again and again. */
export class Bell {
  #controller = new AbortController();

  ring(): void {
    this.#controller.abort();
  }

  /** Forgets earlier rings. */
  quiet(): void {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
  }

  /** Aborts at the next ring, or is aborted when it has rung already. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }
}

/** How a wait ended: the time was up, it was cut short, or the machine slept meanwhile. */
export type WaitEnd = "due" | "cut" | "slept";

/**
 * Waits in slices, and compares both clocks with what was waited: while a machine sleeps its timers stand still,
 * and on some systems the monotonic clock with them; then only the wall clock tells. A wall clock that an operator
 * moves forward looks the same, and costs one early renewal.
 */
export async function pause(
  time: Time,
  ms: number,
  signal: AbortSignal,
  timing: AgentTiming,
): Promise<WaitEnd> {
  const until = time.monotonic() + ms;
  for (let left = ms; left > 0; left = until - time.monotonic()) {
    if (signal.aborted) return "cut";
    const slice = Math.min(left, timing.lookMs);
    const wall = time.now();
    const monotonic = time.monotonic();
    await time.sleep(slice, signal);
    const passed = Math.max(time.now() - wall, time.monotonic() - monotonic);
    if (passed - slice > timing.sleptMs) return "slept";
  }
  return signal.aborted ? "cut" : "due";
}

/** A controller that a parent signal aborts too, until it is let go. */
export function linked(parent: AbortSignal): { readonly controller: AbortController; release(): void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(parent.reason);
  if (parent.aborted) onAbort();
  parent.addEventListener("abort", onAbort, { once: true });
  return { controller, release: () => parent.removeEventListener("abort", onAbort) };
}
