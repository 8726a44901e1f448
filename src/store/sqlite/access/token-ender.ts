import { and, eq, isNull, sql } from "drizzle-orm";
import type { AccessToken } from "../../../domain/tokens/access-token.ts";
import type { Connection } from "../engine/open.ts";
import { accessTokens } from "../schema.ts";

/**
 * Ends every token of a holder that goes away; usable inside a transaction.
 * @param reason what a call with such a token is told from then on
 */
export function tokenEnder(
  connection: Connection,
  reason: NonNullable<AccessToken["revokedFor"]>,
): (holder: { readonly id: string; readonly organizationId: string }, now: number) => void {
  const end = connection
    .update(accessTokens)
    .set({ revokedAt: sql`${sql.placeholder("now")}`, revokedFor: reason })
    .where(
      and(
        eq(accessTokens.organizationId, sql.placeholder("organizationId")),
        eq(accessTokens.subjectId, sql.placeholder("id")),
        isNull(accessTokens.revokedAt),
      ),
    )
    .prepare();
  return ({ id, organizationId }, now) => {
    end.run({ id, organizationId, now });
  };
}
