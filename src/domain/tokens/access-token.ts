import type { Principal } from "../access/principal.ts";
import { DomainError } from "../errors.ts";

/** Why a token stopped working before its time. */
export type RevocationReason = "TOKEN_REVOKED" | "RUNNER_DELETED";

/** A bearer token as it is stored, without its secret. Times are wall-clock milliseconds. */
export interface AccessToken {
  readonly id: string;
  readonly organizationId: string;
  /** Whom the bearer is. */
  readonly subjectId: string;
  readonly principal: Principal;
  readonly description: string;
  readonly readOnly: boolean;
  readonly createdAt: number;
  /** Null: works until it is revoked. */
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
  readonly revokedFor: RevocationReason | null;
}

/**
 * The token when it may be used now.
 * @throws DomainError `unauthenticated`; the reason tells an agent whether to re-register or to stop.
 */
export function usableToken(stored: AccessToken | null, now: number): AccessToken {
  if (stored === null) throw refusal("TOKEN_UNKNOWN", "access token is unknown");
  if (stored.revokedFor === "RUNNER_DELETED") throw refusal("RUNNER_DELETED", "the runner was deleted");
  if (stored.revokedAt !== null) throw refusal("TOKEN_REVOKED", "access token was revoked");
  if (stored.expiresAt !== null && now >= stored.expiresAt) {
    throw refusal("TOKEN_EXPIRED", "access token has expired");
  }
  return stored;
}

function refusal(reason: string, message: string): DomainError {
  return new DomainError("unauthenticated", message, { reason });
}
