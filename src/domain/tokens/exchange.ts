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

/** Who asks for an exchange: a repetition has to come from the same. */
export interface Claimant {
  /** SHA-256 of the Idempotency-Key; null without one. */
  readonly idempotencyHash: Uint8Array | null;
  /** SHA-256 of the name of the client certificate that the new token is bound to; null for none. */
  readonly certificateName: Uint8Array | null;
}

/** The access token that a use gave out. */
export interface GivenOut {
  /** Whether it was revoked. */
  readonly ended: boolean;
  readonly certificateName: Uint8Array | null;
}

/**
 * Whether a stored exchange token can be exchanged now; returns the access token that a replay replaces.
 * @param given what the use gave out; null while the token was not used
 * @throws DomainError `unauthenticated`, with a reason that tells unknown, used and expired apart, and a repetition that
 *   shows another client certificate: it would take over what the token is bound to.
 */
export function decideExchange(
  stored: ExchangeToken | null,
  { idempotencyHash, certificateName }: Claimant,
  now: number,
  given: GivenOut | null,
): { token: ExchangeToken; replaces: string | null } {
  if (stored === null) throw refusal("EXCHANGE_TOKEN_UNKNOWN", "exchange token is unknown");
  if (stored.usedAt !== null) {
    const sameCaller = idempotencyHash !== null && same(idempotencyHash, stored.idempotencyHash);
    // A token that was revoked meanwhile stays so: a replay must not undo what an operator did.
    if (!sameCaller || given?.ended || Math.abs(now - stored.usedAt) > exchangeReplayMs) {
      throw refusal("EXCHANGE_TOKEN_USED", "exchange token has been used already; ask for a new one");
    }
    if (!same(certificateName, given?.certificateName ?? null)) throw otherCertificate(certificateName);
    return { token: stored, replaces: stored.accessTokenId };
  }
  if (now >= stored.expiresAt) {
    throw refusal("EXCHANGE_TOKEN_EXPIRED", "exchange token has expired; ask for a new one");
  }
  return { token: stored, replaces: null };
}

function same(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other;
  return timingSafeEqual(one, other);
}

function otherCertificate(shown: Uint8Array | null): DomainError {
  return shown === null
    ? refusal(
        "CLIENT_CERTIFICATE_REQUIRED",
        "the exchange was made with a client certificate, and none was shown",
      )
    : refusal(
        "CLIENT_CERTIFICATE_MISMATCH",
        "the exchange was made with another client certificate, or without one",
      );
}

function refusal(reason: string, message: string): DomainError {
  return new DomainError("unauthenticated", message, { reason });
}
