import type { Principal } from "../access/principal.ts";
import { DomainError } from "../errors.ts";
import { UserStatus } from "../users/user.ts";

/** Why a token stopped working before its time. */
export type RevocationReason = "TOKEN_REVOKED" | "RUNNER_DELETED" | "SERVICE_ACCOUNT_DELETED" | "USER_LEFT";

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

/** Whether the one that a token stands for may act at all. A runner's token ends with the runner, so it has no more. */
export type Holder =
  | { readonly kind: "runner" }
  | { readonly kind: "user"; readonly status: UserStatus }
  | { readonly kind: "service account"; readonly suspended: boolean; readonly validUntil: number }
  /** No such user or service account is known. */
  | { readonly kind: "nobody" };

/** A token as a client sends it, with the state of its holder at this moment. */
export interface PresentedToken extends AccessToken {
  /** SHA-256 of the name of the client certificate that it was exchanged with; null when there was none. */
  readonly certificateName: Uint8Array | null;
  readonly holder: Holder;
}

/**
 * The token when it may be used now.
 * @throws DomainError `unauthenticated`; the reason tells an agent whether to re-register or to stop.
 */
export function usableToken(stored: PresentedToken | null, now: number): PresentedToken {
  if (stored === null) throw refusal("TOKEN_UNKNOWN", "access token is unknown");
  switch (stored.revokedFor) {
    case "RUNNER_DELETED":
      throw refusal("RUNNER_DELETED", "the runner was deleted");
    case "SERVICE_ACCOUNT_DELETED":
      throw refusal("SERVICE_ACCOUNT_DELETED", "the service account was deleted");
    case "USER_LEFT":
      throw userLeft();
    case "TOKEN_REVOKED":
      throw refusal("TOKEN_REVOKED", "access token was revoked");
    case null:
      break;
    default:
      stored.revokedFor satisfies never;
  }
  if (stored.expiresAt !== null && now >= stored.expiresAt) {
    throw refusal("TOKEN_EXPIRED", "access token has expired");
  }
  checkHolder(stored.holder, now);
  return stored;
}

/** When a usable token stops being one if nothing is changed, in wall-clock milliseconds; Infinity for never. */
export function usableUntil({ expiresAt, holder }: PresentedToken): number {
  const holderUntil = holder.kind === "service account" ? holder.validUntil : Number.POSITIVE_INFINITY;
  return Math.min(expiresAt ?? Number.POSITIVE_INFINITY, holderUntil);
}

function checkHolder(holder: Holder, now: number): void {
  switch (holder.kind) {
    case "runner":
      return;
    case "nobody":
      throw refusal("TOKEN_UNKNOWN", "access token belongs to nobody any more");
    case "user":
      if (holder.status === UserStatus.SUSPENDED) throw refusal("USER_SUSPENDED", "the user is suspended");
      if (holder.status === UserStatus.LEFT) throw userLeft();
      return;
    case "service account":
      if (holder.suspended) throw refusal("SERVICE_ACCOUNT_SUSPENDED", "the service account is suspended");
      if (now >= holder.validUntil) {
        throw refusal("SERVICE_ACCOUNT_EXPIRED", "the service account is no longer valid");
      }
      return;
    default:
      holder satisfies never;
  }
}

function userLeft(): DomainError {
  return refusal("USER_LEFT", "the user left the organisation");
}

function refusal(reason: string, message: string): DomainError {
  return new DomainError("unauthenticated", message, { reason });
}
