import { DomainError } from "../errors.ts";

/** What one runner, one account, one organisation and callers without a token may pile up. */
export interface Quotas {
  /** Runners of one organisation. */
  readonly runners: number;
  /** Exchange tokens of one runner that no runner has used yet. */
  readonly exchangeTokens: number;
  /** Access tokens of one user, service account or runner that still work, but for the short-lived ones. */
  readonly accessTokens: number;
  /** Those that last for half an hour at most: Terraform takes one for each step, in a plan hundreds of them. */
  readonly shortLivedTokens: number;
  /** Streams that one runner may have open: more than one generation, and connections that are dead without a sign of it. */
  readonly runnerStreams: number;
  /** Streams that one user or service account may have open. */
  readonly callerStreams: number;
  /** Event streams that one organisation may have open. */
  readonly eventStreams: number;
  /** Streams without a token (of health and reflection) that one address may have open. */
  readonly addressStreams: number;
  /** Streams without a token that may be open in all. */
  readonly anonymousStreams: number;
  /** Environment classes of one runner that are enabled. */
  readonly enabledClasses: number;
  /** Environment classes of one runner, those that were switched off included: there is no way to delete one. */
  readonly classes: number;
  /** SCM integrations of one runner. */
  readonly scmIntegrations: number;
  /** LLM integrations of one runner. */
  readonly llmIntegrations: number;
  /** Tokens for hosts that one user or service account has on one runner. */
  readonly hostTokens: number;
}

export const defaultQuotas: Quotas = {
  runners: 100_000,
  exchangeTokens: 100,
  accessTokens: 250,
  shortLivedTokens: 5_000,
  runnerStreams: 16,
  callerStreams: 1_000,
  eventStreams: 10_000,
  addressStreams: 64,
  anonymousStreams: 1_000,
  enabledClasses: 100,
  classes: 1000,
  scmIntegrations: 100,
  llmIntegrations: 100,
  hostTokens: 100,
};

/** For tools on the machine of the database: who can open it can take what it holds anyway. */
export const noQuotas: Quotas = {
  runners: Number.POSITIVE_INFINITY,
  exchangeTokens: Number.POSITIVE_INFINITY,
  accessTokens: Number.POSITIVE_INFINITY,
  shortLivedTokens: Number.POSITIVE_INFINITY,
  runnerStreams: Number.POSITIVE_INFINITY,
  callerStreams: Number.POSITIVE_INFINITY,
  eventStreams: Number.POSITIVE_INFINITY,
  addressStreams: Number.POSITIVE_INFINITY,
  anonymousStreams: Number.POSITIVE_INFINITY,
  enabledClasses: Number.POSITIVE_INFINITY,
  classes: Number.POSITIVE_INFINITY,
  scmIntegrations: Number.POSITIVE_INFINITY,
  llmIntegrations: Number.POSITIVE_INFINITY,
  hostTokens: Number.POSITIVE_INFINITY,
};

interface Refusal {
  readonly reason: string;
  readonly retryAfterMs?: number;
  /** What there is too much of; "42 …" goes ahead of it. */
  readonly what: string;
  readonly remedy: string;
}

/** Streams end by themselves when their clients go, so that waiting helps. */
const streamsEnd = { reason: "TOO_MANY_WATCHES", retryAfterMs: 30_000 };
const raise = (flag: string) => `, or have the operator raise --${flag}`;
const refusals: Readonly<Record<keyof Quotas, Refusal>> = {
  runners: {
    reason: "TOO_MANY_RUNNERS",
    what: "runners in this organization",
    remedy: `delete some${raise("max-runners")}`,
  },
  exchangeTokens: {
    reason: "TOO_MANY_TOKENS",
    what: "exchange tokens of this runner that wait to be used",
    remedy: `use them or let them expire${raise("max-exchange-tokens")}`,
  },
  accessTokens: {
    reason: "TOO_MANY_TOKENS",
    what: "access tokens of this subject that work",
    remedy: `revoke some${raise("max-access-tokens")}`,
  },
  shortLivedTokens: {
    reason: "TOO_MANY_TOKENS",
    what: "access tokens of this subject that end within half an hour of their making",
    remedy: "revoke some or let them expire",
  },
  runnerStreams: {
    ...streamsEnd,
    what: "open streams of this runner",
    remedy: `close some${raise("max-runner-streams")}`,
  },
  callerStreams: {
    ...streamsEnd,
    what: "open streams of this account",
    remedy: `close some${raise("max-caller-streams")}`,
  },
  eventStreams: {
    ...streamsEnd,
    what: "open event streams of this organization",
    remedy: `close some${raise("max-event-streams")}`,
  },
  addressStreams: {
    ...streamsEnd,
    what: "open streams without a token from this address",
    remedy: `close some${raise("max-address-streams")}`,
  },
  anonymousStreams: {
    ...streamsEnd,
    what: "open streams without a token",
    remedy: `close some${raise("max-anonymous-streams")}`,
  },
  enabledClasses: {
    reason: "TOO_MANY_ENVIRONMENT_CLASSES",
    what: "enabled environment classes of this runner",
    remedy: "switch some off",
  },
  classes: {
    reason: "TOO_MANY_ENVIRONMENT_CLASSES",
    what: "environment classes of this runner",
    remedy: "change those that are switched off instead of adding others",
  },
  scmIntegrations: {
    reason: "TOO_MANY_SCM_INTEGRATIONS",
    what: "SCM integrations of this runner",
    remedy: "delete some",
  },
  llmIntegrations: {
    reason: "TOO_MANY_LLM_INTEGRATIONS",
    what: "LLM integrations of this runner",
    remedy: "delete some",
  },
  hostTokens: {
    reason: "TOO_MANY_HOST_TOKENS",
    what: "host authentication tokens of this subject on this runner",
    remedy: "delete some",
  },
};

/**
 * Refuses one more of something.
 * @param held how many there are already
 * @throws DomainError `resource_exhausted` that says which limit it is and what helps
 */
export function refuseOver(quotas: Quotas, quota: keyof Quotas, held: number): void {
  if (held < quotas[quota]) return;
  const { what, remedy, ...options } = refusals[quota];
  throw new DomainError("resource_exhausted", `there are ${held} ${what} already: ${remedy}`, options);
}
