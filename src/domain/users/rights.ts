import type { Attribution } from "../access/attribution.ts";
import { attributionOf, type Caller, refuseRunner, roleMissing } from "../access/caller.ts";
import { Principal } from "../access/principal.ts";
import { DomainError } from "../errors.ts";
import { type User, UserStatus } from "./user.ts";

declare const granted: unique symbol;

/** The proof that a caller administers its organisation. Only {@link requireOrgAdmin} makes one. */
export interface OrgAdminGrant {
  readonly [granted]: "org admin";
  readonly by: Attribution;
}

/** The proof that a caller operates the server. Only {@link requireOperator} makes one. */
export interface OperatorGrant {
  readonly [granted]: "operator";
  readonly by: Attribution;
}

/** A user together with the proof that a caller may suspend or remove it. */
export type AuthorizedUser = User & {
  readonly [granted]: "change";
  readonly by: Attribution;
};

/** @throws DomainError `permission_denied` when the caller does not administer its organisation. */
export function requireOrgAdmin(caller: Caller): OrgAdminGrant {
  refuseRunner(caller);
  if (!caller.authority.orgAdmin) throw roleMissing("an admin of the organisation");
  return { by: attributionOf(caller) } as OrgAdminGrant;
}

/**
 * The proof that the caller operates the server: it is an admin of the organisation that the first start made,
 * and a person. A program with that power could mint a person's token, and act by it where programs may not.
 * @throws DomainError `permission_denied`
 */
export function requireOperator(caller: Caller, firstOrganizationId: string): OperatorGrant {
  refuseNonOperator(caller);
  if (caller.organizationId !== firstOrganizationId) throw operatorRequired();
  return { by: attributionOf(caller) } as OperatorGrant;
}

/**
 * Refuses what can be no operator, whichever organisation the first start made: all but people who are admins.
 * @throws DomainError `permission_denied`
 */
export function refuseNonOperator(caller: Caller): void {
  refuseRunner(caller);
  if (caller.principal !== Principal.USER || !caller.authority.orgAdmin) throw operatorRequired();
}

function operatorRequired(): DomainError {
  return new DomainError("permission_denied", "this takes an operator of the server", {
    reason: "OPERATOR_REQUIRED",
  });
}

/**
 * Whether the caller may read the metrics of the server, which count the runners of all organisations together:
 * operators, and service accounts of their organisation. These need no role, so that a scraper's token can do nothing else.
 */
export function readsServerMetrics(
  { organizationId, principal, authority }: Pick<Caller, "organizationId" | "principal" | "authority">,
  firstOrganizationId: string,
): boolean {
  if (organizationId !== firstOrganizationId) return false;
  return principal === Principal.SERVICE_ACCOUNT || (principal === Principal.USER && authority.orgAdmin);
}

/** The error for a user that does not exist, or that the caller may not know of. */
export function userNotFound(): DomainError {
  return new DomainError("not_found", "user not found", { reason: "USER_NOT_FOUND" });
}

/**
 * The user, when the caller may know of it: itself, and as a member everybody of the organisation.
 * @param user as stored, or null when there is none.
 * @throws DomainError `not_found`, `permission_denied` for runners
 */
export function visibleUser(caller: Caller, user: User | null): User {
  refuseRunner(caller);
  const { member } = caller.authority;
  if (user === null || user.organizationId !== caller.organizationId) throw userNotFound();
  if (user.id !== caller.id && !member) throw userNotFound();
  return user;
}

/**
 * Proves that the caller may suspend or remove a user: admins of the organisation may.
 * @param user as stored, or null when there is none.
 * @throws DomainError `not_found`, also for one who left, `permission_denied`
 */
export function authorizeUser(caller: Caller, user: User | null): AuthorizedUser {
  const existing = existingUser(visibleUser(caller, user));
  return { ...existing, by: requireOrgAdmin(caller).by } as AuthorizedUser;
}

/**
 * The user as an operator may change it, whatever its organisation.
 * @param user as stored, or null when there is none.
 * @throws DomainError `not_found`, also for one who left
 */
export function operatedUser({ by }: OperatorGrant, user: User | null): AuthorizedUser {
  return { ...existingUser(user), by } as AuthorizedUser;
}

function existingUser(user: User | null): User {
  if (user === null || user.status === UserStatus.LEFT) throw userNotFound();
  return user;
}
