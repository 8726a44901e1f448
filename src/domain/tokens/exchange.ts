import { timingSafeEqual } from "node:crypto";
import { DomainError } from "../errors.ts";

/** How long an exchange token can be used: the contract's 24 hours, in milliseconds. */
export const exchangeTokenLifetimeMs = 24 * 60 * 60 * 1000;

/** How long a caller whose answer got lost may ask again, in milliseconds. */
const exchangeReplayMs = 10 * 60 * 1000;

/** A one-time token as it is stored. Times are wall-clock milliseconds. */
export interface ExchangeToken {
  readonly organizationId: string;
  readonly runnerId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  /** SHA-256 of the Idempotency-Key that came with the use. */
  readonly idempotencyHash: Uint8Array | null;
  /** The access token that the use gave out. */
  readonly accessTokenId: string | null;
}

/**
 * Whether a stored exchange token can be exchanged now; returns the access token that a replay replaces.
 * @param isEnded whether the access token that the use gave out was revoked
 * @throws DomainError `unauthenticated`, with a reason that tells unknown, used and expired apart.
 */
export function decideExchange(
  stored: ExchangeToken | null,
  idempotencyHash: Uint8Array | null,
  now: number,
  isEnded = false,
): { token: ExchangeToken; replaces: string | null } {
  if (stored === null) throw refusal("EXCHANGE_TOKEN_UNKNOWN", "exchange token is unknown");
  if (stored.usedAt !== null) {
    const sameCaller =
      idempotencyHash !== null &&
      stored.idempotencyHash !== null &&
      timingSafeEqual(idempotencyHash, stored.idempotencyHash);
    // A token that was revoked meanwhile stays so: a replay must not undo what an operator did.
    if (!sameCaller || isEnded || Math.abs(now - stored.usedAt) > exchangeReplayMs) {
      throw refusal("EXCHANGE_TOKEN_USED", "exchange token has been used already; ask for a new one");
    }
    return { token: stored, replaces: stored.accessTokenId };
  }
  if (now >= stored.expiresAt) {
    throw refusal("EXCHANGE_TOKEN_EXPIRED", "exchange token has expired; ask for a new one");
  }
  return { token: stored, replaces: null };
}

function refusal(reason: string, message: string): DomainError {
  return new DomainError("unauthenticated", message, { reason });
}
