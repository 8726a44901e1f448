import { getTableColumns } from "drizzle-orm";
import { Principal } from "../../../domain/access/principal.ts";
import type { AccessToken, Holder, PresentedToken } from "../../../domain/tokens/access-token.ts";
import type { UserStatus } from "../../../domain/users/user.ts";
import type { HeldToken } from "../../credential-store.ts";
import type { NewAccessToken, NewExchangeToken } from "../../store.ts";
import { accessTokens, type exchangeTokens, serviceAccounts, users } from "../schema.ts";

/** The row of a fresh access token. */
export function accessTokenRow(
  { by, hash, ...token }: NewAccessToken,
  certificateName: Uint8Array | null = null,
): typeof accessTokens.$inferSelect {
  return {
    ...token,
    hash: Buffer.from(hash),
    creatorId: by.actor.id,
    creatorPrincipal: by.actor.principal,
    lastUsedAt: null,
    revokedAt: null,
    revokedFor: null,
    certificateName: certificateName && Buffer.from(certificateName),
  };
}

export function accessTokenFromRow(row: typeof accessTokens.$inferSelect): AccessToken {
  const { hash: _, creatorId: _id, creatorPrincipal: _principal, certificateName: _name, ...token } = row;
  return { ...token, principal: token.principal as Principal };
}

/** A token as its holder sees it. */
export function heldToken(row: typeof accessTokens.$inferSelect): HeldToken {
  const creator = { id: row.creatorId, principal: row.creatorPrincipal as Principal };
  return { ...accessTokenFromRow(row), creator };
}

/** What is read of a token that a client sends: with outer joins of `users` and `service_accounts`. */
export const presentedColumns = {
  ...getTableColumns(accessTokens),
  userStatus: users.status,
  suspended: serviceAccounts.suspended,
  validUntil: serviceAccounts.validUntil,
} as const;

type PresentedRow = typeof accessTokens.$inferSelect & {
  readonly userStatus: UserStatus | null;
  readonly suspended: boolean | null;
  readonly validUntil: number | null;
};

export function presentedToken({
  userStatus,
  suspended,
  validUntil,
  ...token
}: PresentedRow): PresentedToken {
  return {
    ...accessTokenFromRow(token),
    certificateName: token.certificateName,
    holder: holderOf(token.principal, userStatus, suspended, validUntil),
  };
}

function holderOf(
  principal: number,
  userStatus: UserStatus | null,
  suspended: boolean | null,
  validUntil: number | null,
): Holder {
  if (principal === Principal.RUNNER) return { kind: "runner" };
  if (userStatus !== null) return { kind: "user", status: userStatus };
  if (suspended !== null && validUntil !== null) return { kind: "service account", suspended, validUntil };
  return { kind: "nobody" };
}

/** The row of a fresh exchange token. */
export function exchangeTokenRow(
  token: NewExchangeToken,
  runner: { readonly id: string; readonly organizationId: string },
): typeof exchangeTokens.$inferSelect {
  return {
    ...token,
    hash: Buffer.from(token.hash),
    organizationId: runner.organizationId,
    runnerId: runner.id,
    usedAt: null,
    idempotencyHash: null,
    accessTokenId: null,
  };
}
