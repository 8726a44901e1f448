import { DomainError } from "../errors.ts";

/** Exchange tokens of one runner that nobody has used yet. */
const exchangeTokens = 100;
/** Access tokens of one user, service account or runner that still work. */
const accessTokens = 250;
/** Streams that one runner may have open: more than one generation, and connections that nobody knows to be dead. */
const runnerWatches = 16;
/** Event streams that one organisation may have open. */
const eventWatches = 10_000;

/** @param held how many there are already. @throws DomainError TOO_MANY_TOKENS */
export function refuseExchangeTokenOver(held: number): void {
  if (held >= exchangeTokens)
    throw tooManyTokens(`the runner has ${held} exchange tokens that wait to be used`);
}

/** @param held how many there are already. @throws DomainError TOO_MANY_TOKENS */
export function refuseAccessTokenOver(held: number): void {
  if (held >= accessTokens) throw tooManyTokens(`there are ${held} access tokens already: revoke some`);
}

function tooManyTokens(message: string): DomainError {
  return new DomainError("resource_exhausted", message, { reason: "TOO_MANY_TOKENS" });
}

/** @param open how many there are already. @throws DomainError TOO_MANY_WATCHES */
export function refuseRunnerWatchOver(open: number): void {
  if (open >= runnerWatches) throw tooManyWatches(`the runner has ${open} streams open`);
}

/** @param open how many there are already. @throws DomainError TOO_MANY_WATCHES */
export function refuseEventWatchOver(open: number): void {
  if (open >= eventWatches) throw tooManyWatches(`the organization has ${open} event streams open`);
}

/** Streams end by themselves when their clients go, so that waiting helps. */
function tooManyWatches(message: string): DomainError {
  return new DomainError("resource_exhausted", message, { reason: "TOO_MANY_WATCHES", retryAfterMs: 30_000 });
}
