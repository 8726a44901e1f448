import { type Caller, refuseRunner } from "../access/caller.ts";
import { Principal } from "../access/principal.ts";
import { DomainError } from "../errors.ts";
import type { TokenScope } from "../tokens/scope.ts";

/** The longest that a personal access token lasts, and what it lasts when the request does not say: 90 days, in milliseconds. */
export const personalTokenMaxMs = 90 * 24 * 60 * 60 * 1000;

/**
 * When a new personal token expires, in wall-clock milliseconds.
 * @param validForMs 0 means as long as is allowed.
 */
export function personalTokenExpiry(validForMs: number, now: number): number {
  return now + (validForMs > 0 ? Math.min(validForMs, personalTokenMaxMs) : personalTokenMaxMs);
}

/**
 * Checks that the caller may mint a personal token for a user: everybody for themselves only, admins too.
 * @throws DomainError `permission_denied`, whether or not there is such a user.
 */
export function checkMintsForItself(caller: Caller, userId: string): void {
  requireUser(caller);
  if (caller.id === userId) return;
  throw new DomainError("permission_denied", "a personal access token can only be minted by its own user", {
    reason: "NOT_YOURSELF",
  });
}

/** @throws DomainError `permission_denied` when the caller is no person. */
export function requireUser(caller: Caller): void {
  refuseRunner(caller);
  if (caller.principal === Principal.USER) return;
  throw new DomainError(
    "permission_denied",
    "only a user can call this; GetAuthenticatedIdentity tells who calls",
    { reason: "NOT_A_USER" },
  );
}

/**
 * The personal tokens that a caller sees and may revoke: its own, as an admin those of the organisation.
 * @throws DomainError `permission_denied` for runners
 */
export function personalTokenScope(caller: Caller): TokenScope {
  refuseRunner(caller);
  const { organizationId, id, authority } = caller;
  return { organizationId, principal: Principal.USER, onlySubjectId: authority.orgAdmin ? null : id };
}
