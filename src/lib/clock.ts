/** Time as the domain sees it. Tests pass a clock that they move by hand. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May step either way; never decides a lease. */
  now(): number;
  /** Milliseconds from an arbitrary start that never step back. Every deadline is measured on it. */
  monotonic(): number;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
