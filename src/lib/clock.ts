/** Time as the domain sees it. Tests pass a clock that they move by hand. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May step either way; never decides a lease. */
  now(): number;
  /** Milliseconds from an arbitrary start that never step back. Every deadline is measured on it. */
  monotonic(): number;
}

/**
 * The longest that a timer of Node can wait, in milliseconds: 24.8 days. It takes a longer wait for none at all, so that no
 * number from outside may reach a timer without this bound.
 */
export const longestTimerMs = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
