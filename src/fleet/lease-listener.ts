import type { Logger } from "pino";
import type { LeaseListener, LeaseTransition } from "../domain/leases/events.ts";
import { LeaseState } from "../domain/leases/lease.ts";
import { isAsked } from "../domain/questions/question.ts";

export interface LeaseListenerOptions {
  readonly log: Logger;
  /** Hears of everything as well. */
  readonly observer: LeaseListener | undefined;
  /** Takes a transition down, to be carried out. */
  readonly note: (transition: LeaseTransition) => void;
  /** Has watchers told of a runner, at a bounded pace. */
  readonly announceLater: (runnerId: string) => void;
  /** A runner is not live any more, or winds down. */
  readonly onInactive: (runnerId: string) => void;
}

/** What the registry does with what its lease engine tells it. */
export function leaseListener(options: LeaseListenerOptions): LeaseListener {
  const { log, observer, note, announceLater, onInactive } = options;
  return {
    transition(transition) {
      observer?.transition(transition);
      if (transition.kind === "lapsed" && transition.incident !== null) announceLater(transition.runnerId);
      note(transition);
      if (transition.state !== LeaseState.LIVE || !isAsked(transition.phase)) onInactive(transition.runnerId);
    },
    incident(told) {
      observer?.incident(told);
      const { runnerIds, ...change } = told;
      log.warn({ ...change, runners: runnerIds.length }, "many runners lapsed at once");
      // What their status says changed with the incident, also for those that lapsed before it was one.
      for (const id of runnerIds) announceLater(id);
    },
    stalled(ms) {
      observer?.stalled(ms);
      log.warn({ stalledMs: Math.round(ms) }, "the server stood still; leases wait");
    },
  };
}
