import { and, eq, lt, type SQL, sql } from "drizzle-orm";
import { type Attribution, systemAttribution } from "../../../domain/access/attribution.ts";
import type { Principal } from "../../../domain/access/principal.ts";
import { ResourceType } from "../../../domain/access/resources.ts";
import type { SignIn } from "../../../domain/scm-integrations/scm-integration.ts";
import type { Connection } from "../engine/open.ts";
import { runners, hostAuthenticationTokens as tokens } from "../schema.ts";
import type { ConfigurationLog } from "./configuration.ts";

/** Removes tokens for hosts together with what they belong to, and tells of each; usable inside a transaction. */
export type HostTokenEnder = ReturnType<typeof hostTokenEnder>;

export function hostTokenEnder(connection: Connection, log: ConfigurationLog) {
  const remove = connection
    .delete(tokens)
    .where(eq(tokens.id, sql.placeholder("id")))
    .prepare();
  /** Who ends them may be a part of the server, by its name. */
  const ending = (where: SQL | undefined) => {
    const select = connection
      .select({
        id: tokens.id,
        organizationId: tokens.organizationId,
        subjectId: tokens.subjectId,
        runnerId: tokens.runnerId,
        creatorId: runners.creatorId,
        creatorPrincipal: runners.creatorPrincipal,
      })
      .from(tokens)
      .innerJoin(runners, eq(runners.id, tokens.runnerId))
      .where(where)
      .limit(sql.placeholder("limit"))
      .prepare();
    return (
      values: Readonly<Record<string, unknown>>,
      by: Attribution | string,
      now: number,
      limit = -1,
    ): number => {
      const found = select.all({ ...values, limit });
      for (const { id, organizationId, subjectId, runnerId, creatorId, creatorPrincipal } of found) {
        remove.run({ id });
        const creator = { id: creatorId, principal: creatorPrincipal as Principal };
        log.written(
          { id: runnerId, organizationId, creator },
          typeof by === "string" ? systemAttribution(organizationId, by) : by,
          {
            resourceType: ResourceType.HOST_AUTHENTICATION_TOKEN,
            resourceId: id,
            verb: "delete",
            ownerId: subjectId,
          },
          now,
        );
      }
      return found.length;
    };
  };
  const one = ending(eq(tokens.id, sql.placeholder("id")));
  const ofIntegration = ending(
    and(
      eq(tokens.integrationId, sql.placeholder("integrationId")),
      eq(tokens.source, sql.placeholder("source")),
    ),
  );
  const ofSubject = ending(
    and(
      eq(tokens.organizationId, sql.placeholder("organizationId")),
      eq(tokens.subjectId, sql.placeholder("subjectId")),
    ),
  );
  const expired = ending(lt(tokens.expiresAt, sql.placeholder("before")));
  return {
    /** @returns whether there was such a token */
    one: (id: string, by: Attribution | string, now: number): boolean => one({ id }, by, now) > 0,
    /** Those of an integration that were obtained in one of these ways. */
    ofIntegration(integrationId: string, sources: readonly SignIn[], by: Attribution, now: number): void {
      for (const source of sources) ofIntegration({ integrationId, source }, by, now);
    },
    /** Those of a user or service account that goes away. */
    ofSubject: (organizationId: string, subjectId: string, by: Attribution, now: number): void =>
      void ofSubject({ organizationId, subjectId }, by, now),
    /** Those that expired before then, `limit` at most. @returns how many */
    expired: (before: number, limit: number, now: number): number =>
      expired({ before }, "rollcall serve", now, limit),
  };
}
