import { RunnerPhase } from "../runners/enums.ts";
import type { LeaseView } from "./events.ts";
import { type LeaseFacts, LeaseState } from "./lease.ts";

/** What the record says of a runner; times are wall-clock ms. */
export interface StatusFacts {
  readonly createdAtMs: number;
  /** ACTIVE, or INACTIVE when an operator paused the runner. */
  readonly desiredPhase: RunnerPhase;
  /** When `desiredPhase` was last changed; null: never since creation. */
  readonly desiredSinceMs: number | null;
  /** When deletion was asked for; null: not. */
  readonly deletionAskedAtMs: number | null;
  /** What the runner says for people, cleaned (text.ts). */
  readonly message: string;
  /** The reason that the runner gave when it signed off. */
  readonly signOffReason: string;
  /** The newest exchange token; null when there is none. */
  readonly exchangeToken: {
    readonly issuedAtMs: number;
    readonly usedAtMs: number | null;
    readonly expiresAtMs: number;
  } | null;
}

/** The runner's lease: the engine's view, or storedStanding() when the engine does not hold the runner. */
export type LeaseStanding = Pick<
  LeaseView,
  "state" | "generation" | "phase" | "sinceMs" | "lastSeenMs" | "incident"
>;

/** What the store alone knows of a lease. Only the engine can tell that one is live, so a stored LIVE is a lapse. */
export function storedStanding(facts: Omit<LeaseFacts, "runnerId" | "provider">): LeaseStanding {
  const { generation, phase, sinceMs, lastSeenMs } = facts;
  const state = facts.state === LeaseState.LIVE ? LeaseState.LAPSED : facts.state;
  return { state, generation, phase, sinceMs, lastSeenMs, incident: null };
}

/** `RunnerStatus.phase` and `.message`, with the wall-clock ms since when it has been so. */
export interface DerivedStatus {
  readonly phase: RunnerPhase;
  readonly message: string;
  readonly sinceMs: number;
}

/**
 * The runner's status as it is read: nothing of it is stored, so that a dead runner is never shown alive.
 * @param lease null when the runner has never renewed
 * @param unusedTokenHintMs after this long an unused token is worth a hint
 */
export function deriveStatus(
  facts: StatusFacts,
  lease: LeaseStanding | null,
  now: number,
  unusedTokenHintMs: number,
): DerivedStatus {
  if (facts.deletionAskedAtMs !== null) {
    const live = lease?.state === LeaseState.LIVE;
    const message = live ? "winding down before it is deleted" : "being deleted";
    return { phase: RunnerPhase.DELETING, message, sinceMs: facts.deletionAskedAtMs };
  }
  if (lease === null || lease.generation === 0) {
    const message = bootstrapHint(facts, now, unusedTokenHintMs);
    return { phase: RunnerPhase.CREATED, message, sinceMs: facts.createdAtMs };
  }
  if (lease.state !== LeaseState.LIVE) {
    return { phase: RunnerPhase.INACTIVE, message: absence(facts, lease), sinceMs: lease.sinceMs };
  }
  if (facts.desiredPhase === RunnerPhase.INACTIVE) {
    const sinceMs = facts.desiredSinceMs ?? facts.createdAtMs;
    return { phase: RunnerPhase.INACTIVE, message: `paused by an operator since ${iso(sinceMs)}`, sinceMs };
  }
  if (lease.phase === RunnerPhase.ACTIVE) {
    return { phase: RunnerPhase.ACTIVE, message: facts.message, sinceMs: lease.sinceMs };
  }
  const why = lease.phase === RunnerPhase.DELETING ? "the runner is winding down by itself" : "degraded";
  return { phase: RunnerPhase.DEGRADED, message: facts.message || why, sinceMs: lease.sinceMs };
}

/** The status of a runner that this moment registered: there is nothing to wonder about yet. */
export function freshStatus(runner: { readonly createdAt: number }): DerivedStatus {
  return { phase: RunnerPhase.CREATED, message: "", sinceMs: runner.createdAt };
}

function absence(facts: StatusFacts, lease: LeaseStanding): string {
  const paused = facts.desiredPhase === RunnerPhase.INACTIVE ? "; also paused by an operator" : "";
  return absenceReason(facts, lease) + paused;
}

function absenceReason(facts: StatusFacts, lease: LeaseStanding): string {
  const since = iso(lease.sinceMs);
  if (lease.state === LeaseState.SIGNED_OFF) {
    return facts.signOffReason === "" ? "signed off" : `signed off: ${facts.signOffReason}`;
  }
  if (lease.state === LeaseState.REVOKED) return `credentials revoked at ${since}`;
  const heard = lease.lastSeenMs > 0 ? `, last heard at ${iso(lease.lastSeenMs)}` : "";
  if (lease.incident === null) return `registration lapsed at ${since}${heard}`;
  return `unreachable since ${since}, as many runners at once: likely a network problem${heard}`;
}

/** Why a runner may never have come up, or empty while there is nothing to wonder about. */
function bootstrapHint(facts: StatusFacts, now: number, unusedTokenHintMs: number): string {
  const token = facts.exchangeToken;
  if (token === null) return "no exchange token; create one to bootstrap the runner";
  if (token.usedAtMs !== null) {
    return `the exchange token was used at ${iso(token.usedAtMs)}, but the runner has never renewed its registration`;
  }
  if (now >= token.expiresAtMs) {
    return `the exchange token expired unused at ${iso(token.expiresAtMs)}; create a new one`;
  }
  if (now - token.issuedAtMs < unusedTokenHintMs) return "";
  return `the exchange token has not been used since it was made at ${iso(token.issuedAtMs)}; is the runner started?`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
