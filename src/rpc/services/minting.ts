import type { Attribution } from "../../domain/access/attribution.ts";
import type { Principal } from "../../domain/access/principal.ts";
import { mintToken, type TokenKind } from "../../domain/tokens/token.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { HeldToken } from "../../store/credential-store.ts";
import type { Store } from "../../store/store.ts";

export interface MintingDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** A token that is to be minted. */
export interface TokenOrder {
  readonly kind: TokenKind;
  readonly organizationId: string;
  readonly subject: { readonly id: string; readonly principal: Principal };
  readonly description: string;
  readonly readOnly: boolean;
  readonly expiresAt: number;
  /** Who mints it, by what right is the caller's business. */
  readonly by: Attribution;
}

/** Mints a token; the secret in the result is the only copy there is. */
export async function mint(
  { store, clock, newId }: MintingDeps,
  order: TokenOrder,
): Promise<{ secret: string; token: HeldToken }> {
  const { kind, subject, ...rest } = order;
  const { secret, hash } = mintToken(kind);
  const token = {
    ...rest,
    id: newId(),
    subjectId: subject.id,
    principal: subject.principal,
    createdAt: clock.now(),
  };
  await store.tokens.addAccessToken({ ...token, hash });
  const { by, ...facts } = token;
  const unused = { lastUsedAt: null, revokedAt: null, revokedFor: null };
  return { secret, token: { ...facts, ...unused, creator: by.actor } };
}
