import { and, eq, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import type { ResourceType } from "../../../domain/access/resources.ts";
import type { RevocationReason } from "../../../domain/tokens/access-token.ts";
import type { IdSource } from "../../../lib/ids.ts";
import { directShares } from "../access/direct-shares.ts";
import { grantEnder } from "../access/resource-grants.ts";
import { tokenEnder } from "../access/token-ender.ts";
import type { Connection } from "../engine/open.ts";
import type { HostTokenEnder } from "../runners/host-token-ender.ts";
import { groupMemberships } from "../schema.ts";

/**
 * Takes somebody who goes away from everywhere: ends its tokens, those for hosts too, its memberships, what is shared with it, and the grants
 * on it. Usable inside a transaction.
 * @param reason what a call with one of its tokens is told from then on
 */
export function departure(
  connection: Connection,
  newId: IdSource,
  resourceType: ResourceType,
  reason: RevocationReason,
  hostTokens: Pick<HostTokenEnder, "ofSubject">,
): (who: { readonly id: string; readonly organizationId: string }, by: Attribution, now: number) => void {
  const endTokens = tokenEnder(connection, reason);
  const endGrants = grantEnder(connection);
  const shares = directShares(connection, newId);
  const leaveGroups = connection
    .delete(groupMemberships)
    .where(
      and(
        eq(groupMemberships.organizationId, sql.placeholder("organizationId")),
        eq(groupMemberships.subjectId, sql.placeholder("id")),
      ),
    )
    .prepare();
  return (who, by, now) => {
    const { id, organizationId } = who;
    endTokens(who, now);
    hostTokens.ofSubject(organizationId, id, by, now);
    shares.end(organizationId, id);
    leaveGroups.run({ id, organizationId });
    endGrants(organizationId, { resourceType, resourceId: id });
  };
}
