/**
 * Spreads the status events of a mass lapse over time: a token bucket in front of a queue that holds each
 * runner once, since an event carries nothing but an id and watchers fetch the newest state anyway.
 */
export interface Pacer {
  /** Asks for an event. Runners already waiting keep their place. */
  offer(runnerId: string): void;
  /** Takes the runners whose events may go out now. @param now monotonic milliseconds */
  take(now: number): readonly string[];
  /** Milliseconds until take() has something, or null when none waits. */
  nextMs(now: number): number | null;
}

/** @param perSecond events a second; a quiet bucket lets one second's worth out at once */
export function createPacer(perSecond: number): Pacer {
  const waiting = new Set<string>();
  let tokens = perSecond;
  let filledAt = Number.NEGATIVE_INFINITY;
  const fill = (now: number): void => {
    tokens = Math.min(perSecond, tokens + ((now - filledAt) / 1000) * perSecond);
    filledAt = now;
  };
  return {
    offer(runnerId) {
      waiting.add(runnerId);
    },
    take(now) {
      fill(now);
      const taken: string[] = [];
      for (const runnerId of waiting) {
        if (tokens < 1) break;
        tokens -= 1;
        waiting.delete(runnerId);
        taken.push(runnerId);
      }
      return taken;
    },
    nextMs(now) {
      if (waiting.size === 0) return null;
      fill(now);
      return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / perSecond) * 1000);
    },
  };
}
