import type { Subject } from "../access/principal.ts";
import { DomainError, invalidField } from "../errors.ts";

/** A member of an organisation that is a program. Times are wall-clock milliseconds. */
export interface ServiceAccount {
  readonly id: string;
  readonly organizationId: string;
  /** Unique among those of the organisation that are not deleted. */
  readonly name: string;
  readonly description: string;
  readonly creator: Subject;
  readonly createdAt: number;
  /** From then on its tokens are refused, whatever they say themselves. */
  readonly validUntil: number;
  /** While set, its tokens are refused. Stays set once it is deleted. */
  readonly suspended: boolean;
  /** Null unless it was deleted: it can be read from then on, and nothing else. */
  readonly deletedAt: number | null;
  /** Made by the server, and not to be changed or deleted. */
  readonly systemManaged: boolean;
}

/** What a caller may change; an absent key leaves the field as it is. */
export interface ServiceAccountChange {
  readonly name?: string;
  readonly description?: string;
}

export interface ServiceAccountFilter {
  readonly includeSuspended: boolean;
  /** Empty: every one. */
  readonly ids: readonly string[];
  /** Part of the name, the description or the id, in any case; empty: every one. */
  readonly search: string;
}

/** The longest that a token of a service account can be asked for: the contract's 80 years, in milliseconds. */
const tokenMaxMs = 2_524_608_000_000;

/**
 * A service account as it is made.
 * @throws DomainError `invalid` when it would never be valid.
 */
export function draftServiceAccount(
  request: { readonly name: string; readonly description: string; readonly validUntil: number },
  made: Pick<ServiceAccount, "id" | "organizationId" | "creator"> & { readonly now: number },
): ServiceAccount {
  const { now, ...rest } = made;
  if (request.validUntil <= now) {
    throw invalidField("valid_until", "service_account.valid_until.future", "must be in the future");
  }
  return { ...request, ...rest, createdAt: now, suspended: false, systemManaged: false, deletedAt: null };
}

/** How long a token lasts that a person mints to act as the account, in milliseconds: the contract's 30 minutes. */
export const accessTokenLifetimeMs = 30 * 60 * 1000;

/**
 * When a new token of the account expires, in wall-clock milliseconds: never after the account itself.
 * @param validForMs 0 means as long as the account is valid.
 */
export function serviceAccountTokenExpiry(
  account: Pick<ServiceAccount, "validUntil">,
  validForMs: number,
  now: number,
): number {
  if (validForMs <= 0) return account.validUntil;
  return Math.min(account.validUntil, now + Math.min(validForMs, tokenMaxMs));
}

/**
 * The account, unless there is none to act on.
 * @param account as stored; null when the caller does not see it or there is none
 * @throws DomainError `not_found`, also for one that was deleted
 */
export function existingServiceAccount(account: ServiceAccount | null): ServiceAccount {
  if (account === null || account.deletedAt !== null) throw serviceAccountNotFound();
  return account;
}

/** The error for an account that does not exist, or that the caller may not know of. */
export function serviceAccountNotFound(): DomainError {
  return new DomainError("not_found", "service account not found", { reason: "SERVICE_ACCOUNT_NOT_FOUND" });
}
