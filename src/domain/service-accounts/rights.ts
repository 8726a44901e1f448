import type { Attribution } from "../access/attribution.ts";
import { attributionOf, type Caller, refuseRunner } from "../access/caller.ts";
import { Principal } from "../access/principal.ts";
import { DomainError } from "../errors.ts";
import type { TokenScope } from "../tokens/scope.ts";
import { type OrgAdminGrant, requireOrgAdmin } from "../users/rights.ts";
import { existingServiceAccount, type ServiceAccount } from "./service-account.ts";

declare const granted: unique symbol;

/** An account together with the proof that a caller may change it. Only {@link authorizeServiceAccount} makes one. */
export type AuthorizedServiceAccount = ServiceAccount & {
  readonly [granted]: "change";
  readonly by: Attribution;
};

/** Which accounts a caller sees. */
export interface ServiceAccountScope {
  readonly organizationId: string;
  /** Null: every one of the organisation. */
  readonly onlyId: string | null;
}

/**
 * The accounts that a caller sees: members of the organisation all of them, others at most themselves.
 * @throws DomainError `permission_denied` for runners
 */
export function serviceAccountScope(caller: Caller): ServiceAccountScope {
  refuseRunner(caller);
  return { organizationId: caller.organizationId, onlyId: caller.authority.member ? null : caller.id };
}

/**
 * Proves that the caller may change or delete the account.
 * @param account as stored, or null when the caller does not see it or there is none.
 * @throws DomainError `not_found`, `permission_denied`, or `failed_precondition` for one that the server keeps
 */
export function authorizeServiceAccount(
  caller: Caller,
  account: ServiceAccount | null,
): AuthorizedServiceAccount {
  const existing = existingServiceAccount(account);
  const { by } = requireOrgAdmin(caller);
  if (existing.systemManaged) {
    throw new DomainError("failed_precondition", "this service account is kept by the server", {
      reason: "SYSTEM_MANAGED",
    });
  }
  return { ...existing, by } as AuthorizedServiceAccount;
}

/**
 * The proof that the caller may mint a token in the name of any account of the organisation: people who
 * administer it may, programs never, or one leaked token could make itself tokens of every account.
 * @throws DomainError `permission_denied`
 */
export function requireMintingForOthers(caller: Caller): OrgAdminGrant {
  if (caller.principal === Principal.SERVICE_ACCOUNT) {
    throw new DomainError(
      "permission_denied",
      "a service account mints tokens for itself only, with CreateServiceAccountToken",
      { reason: "NOT_YOURSELF" },
    );
  }
  return requireOrgAdmin(caller);
}

/** Who mints a token for itself. @throws DomainError `permission_denied` when the caller is no service account. */
export function requireServiceAccount(caller: Caller): Attribution {
  refuseRunner(caller);
  if (caller.principal === Principal.SERVICE_ACCOUNT) return attributionOf(caller);
  throw new DomainError("permission_denied", "only a service account can call this, for itself", {
    reason: "NOT_A_SERVICE_ACCOUNT",
  });
}

/**
 * The service account tokens that a caller sees and may revoke: an account its own, people who administer the
 * organisation all of them.
 * @throws DomainError `permission_denied` for everybody else
 */
export function serviceAccountTokenScope(caller: Caller): TokenScope {
  const { id, organizationId, principal, authority } = caller;
  const common = { organizationId, principal: Principal.SERVICE_ACCOUNT };
  if (principal === Principal.USER && authority.orgAdmin) return { ...common, onlySubjectId: null };
  requireServiceAccount(caller);
  return { ...common, onlySubjectId: id };
}
