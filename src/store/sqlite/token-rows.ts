import type { Principal } from "../../domain/access/principal.ts";
import type { AccessToken } from "../../domain/tokens/access-token.ts";
import type { NewAccessToken, NewExchangeToken } from "../store.ts";
import type { accessTokens, exchangeTokens } from "./schema.ts";

/** The row of a fresh access token. */
export function accessTokenRow({ by, hash, ...token }: NewAccessToken): typeof accessTokens.$inferSelect {
  return {
    ...token,
    hash: Buffer.from(hash),
    creatorId: by.actor.id,
    creatorPrincipal: by.actor.principal,
    lastUsedAt: null,
    revokedAt: null,
    revokedFor: null,
  };
}

export function accessTokenFromRow(row: typeof accessTokens.$inferSelect): AccessToken {
  const { hash: _, creatorId: _id, creatorPrincipal: _principal, ...token } = row;
  return { ...token, principal: token.principal as Principal };
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
