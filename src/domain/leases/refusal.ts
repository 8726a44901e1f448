import { DomainError, type DomainErrorKind } from "../errors.ts";

/** Why a call of an agent is refused, as `google.rpc.ErrorInfo.reason`. docs/agent-protocol.md says what to do on each. */
export const RefusalReason = {
  TOKEN_EXPIRED: "TOKEN_EXPIRED",
  TOKEN_REVOKED: "TOKEN_REVOKED",
  TOKEN_UNKNOWN: "TOKEN_UNKNOWN",
  WRONG_RUNNER: "WRONG_RUNNER",
  RUNNER_DELETED: "RUNNER_DELETED",
  SUPERSEDED: "SUPERSEDED",
  GENERATION_UNKNOWN: "GENERATION_UNKNOWN",
  GENERATION_ENDED: "GENERATION_ENDED",
  METRICS_NOT_ENABLED: "METRICS_NOT_ENABLED",
} as const;
export type RefusalReason = (typeof RefusalReason)[keyof typeof RefusalReason];

/** What an agent can do about a refusal: start over with generation 0, or nothing without a person. */
export type Remedy = "reopen" | "none";

interface Refusal {
  readonly kind: DomainErrorKind;
  readonly remedy: Remedy;
  readonly message: string;
}

/** The table of refusals: the code on the wire follows from `kind`. */
export const refusals: Readonly<Record<RefusalReason, Refusal>> = {
  TOKEN_EXPIRED: {
    kind: "unauthenticated",
    remedy: "none",
    message: "the access token has expired; bootstrap the runner again with a new exchange token",
  },
  TOKEN_REVOKED: {
    kind: "unauthenticated",
    remedy: "none",
    message: "the access token was revoked; bootstrap the runner again with a new exchange token",
  },
  TOKEN_UNKNOWN: {
    kind: "unauthenticated",
    remedy: "none",
    message: "the access token is not known here; check the server's address and the token",
  },
  WRONG_RUNNER: {
    kind: "permission_denied",
    remedy: "none",
    message: "the access token belongs to another runner than runner_id names",
  },
  // As for any token of a deleted runner: which of the two is noticed first is a matter of microseconds.
  RUNNER_DELETED: { kind: "unauthenticated", remedy: "none", message: "the runner was deleted" },
  SUPERSEDED: {
    kind: "aborted",
    remedy: "none",
    message: "a newer process of this runner has taken over",
  },
  GENERATION_UNKNOWN: {
    kind: "failed_precondition",
    remedy: "reopen",
    message: "the server never gave out this generation; renew with generation 0",
  },
  GENERATION_ENDED: {
    kind: "failed_precondition",
    remedy: "reopen",
    message: "this generation signed off or was ended; renew with generation 0",
  },
  METRICS_NOT_ENABLED: {
    kind: "failed_precondition",
    remedy: "none",
    message: "managed metrics are not enabled for this runner",
  },
};

/** The refusal as the error that the RPC layer sends. */
export function refusalError(reason: RefusalReason): DomainError {
  const { kind, message } = refusals[reason];
  return new DomainError(kind, message, { reason });
}

/**
 * Fencing: may this generation act?
 * @param claimed what the agent sent; 0 asks for a new generation and is not for this function
 * @param newest the runner's newest generation, 0 when it never had one
 * @returns null when it may
 */
export function fence(claimed: number, newest: number, ended: boolean): RefusalReason | null {
  if (claimed > newest || claimed === 0) return RefusalReason.GENERATION_UNKNOWN;
  if (claimed < newest) return RefusalReason.SUPERSEDED;
  return ended ? RefusalReason.GENERATION_ENDED : null;
}
