import { and, count, desc, eq, inArray, lt, or, sql } from "drizzle-orm";
import type { Principal } from "../../../domain/access/principal.ts";
import { ResourceType } from "../../../domain/access/resources.ts";
import { ResourceRole } from "../../../domain/access/roles.ts";
import { principalNotFound } from "../../../domain/groups/group.ts";
import {
  type HostToken,
  type HostTokenValues,
  hostTokenExists,
  integrationOf,
} from "../../../domain/host-tokens/host-token.ts";
import { type Quotas, refuseOver } from "../../../domain/limits/quotas.ts";
import type { SignIn } from "../../../domain/scm-integrations/scm-integration.ts";
import type { HostTokenStore } from "../../configuration-store.ts";
import { resourceLookup } from "../access/resource-lookup.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders, statementCache } from "../engine/statements.ts";
import { scmIntegrations, hostAuthenticationTokens as tokens } from "../schema.ts";
import type { ConfigurationLog } from "./configuration.ts";
import { seenRunners } from "./configuration-list.ts";
import type { HostTokenEnder } from "./host-token-ender.ts";
import { scmIntegrationFromRow } from "./scm-integrations.ts";

const resourceType = ResourceType.HOST_AUTHENTICATION_TOKEN;
/** Sorts after every UUID. */
const beyondAllIds = "~";

type Row = typeof tokens.$inferSelect;

export function hostTokenStore(
  connection: Connection,
  commits: Commits,
  log: ConfigurationLog,
  quotas: Quotas,
  ender: Pick<HostTokenEnder, "one" | "expired">,
): HostTokenStore {
  const isTheToken = eq(tokens.id, sql.placeholder("id"));
  const select = connection.select().from(tokens).where(isTheToken).prepare();
  const insert = connection.insert(tokens).values(columnPlaceholders(tokens)).prepare();
  const change = connection
    .update(tokens)
    .set({
      token: sql`${sql.placeholder("token")}`,
      refreshToken: sql`${sql.placeholder("refreshToken")}`,
      expiresAt: sql`${sql.placeholder("expiresAt")}`,
      scopes: sql`${sql.placeholder("scopes")}`,
    })
    .where(isTheToken)
    .prepare();
  const selectIntegrations = connection
    .select()
    .from(scmIntegrations)
    .where(eq(scmIntegrations.runnerId, sql.placeholder("runnerId")))
    .prepare();
  const countOfSubject = connection
    .select({ held: count() })
    .from(tokens)
    .where(
      and(
        eq(tokens.organizationId, sql.placeholder("organizationId")),
        eq(tokens.subjectId, sql.placeholder("subjectId")),
        eq(tokens.runnerId, sql.placeholder("runnerId")),
      ),
    )
    .prepare();
  const lookup = resourceLookup(connection);
  const listed = statementCache((variant) => {
    const conditions = [
      eq(tokens.organizationId, sql.placeholder("organizationId")),
      lt(tokens.id, sql.placeholder("after")),
    ];
    if (variant.includes("ofRunner")) conditions.push(eq(tokens.runnerId, sql.placeholder("runnerId")));
    if (variant.includes("ofSubject")) conditions.push(eq(tokens.subjectId, sql.placeholder("subjectId")));
    const visible = or(
      eq(tokens.subjectId, sql.placeholder("creatorId")),
      inArray(tokens.runnerId, seenRunners(connection, [ResourceRole.RUNNER_ADMIN])),
    );
    return connection
      .select()
      .from(tokens)
      .where(and(...conditions, ...(variant.includes("visible") ? [visible] : [])))
      .orderBy(desc(tokens.id))
      .limit(sql.placeholder("limit"))
      .prepare();
  });

  return {
    async get(organizationId, id) {
      const row = select.get({ id });
      return row?.organizationId === organizationId ? fromRow(row) : null;
    },
    async values(organizationId, id) {
      const row = select.get({ id });
      if (row?.organizationId !== organizationId) return null;
      return { token: row.token, refreshToken: row.refreshToken };
    },
    async list({ organizationId, onlyRunnerId, visibleTo }, filter, { limit, after }) {
      const runnerIds = new Set([onlyRunnerId, filter.runnerId].filter((id) => id !== null));
      const subjectIds = new Set(filter.subjectIds);
      // Nothing is on two runners or belongs to two.
      if (runnerIds.size > 1 || subjectIds.size > 1) return { rows: [], more: false };
      const [runnerId, subjectId] = [[...runnerIds][0], [...subjectIds][0]];
      const variant = [runnerId && "ofRunner", subjectId && "ofSubject", visibleTo && "visible"].join(" ");
      const found = listed(variant).all({
        organizationId,
        after: after ?? beyondAllIds,
        runnerId,
        subjectId,
        creatorId: visibleTo?.subjectId,
        groupIds: JSON.stringify(visibleTo?.groupIds ?? []),
        limit: limit + 1,
      });
      return { rows: found.slice(0, limit).map(fromRow), more: found.length > limit };
    },
    create: (authorized, wanted, replaced) =>
      commits.run(() => {
        const runner = log.runner(authorized);
        const { organizationId, subject } = wanted;
        if (replaced !== undefined) ender.one(replaced, authorized.by, wanted.createdAt);
        if (!lookup.principal(organizationId, subject)) throw principalNotFound();
        const integrations = selectIntegrations.all({ runnerId: runner.id }).map(scmIntegrationFromRow);
        const made = { ...wanted, integrationId: integrationOf(wanted, integrations).id };
        const on = { organizationId, subjectId: subject.id, runnerId: runner.id };
        refuseOver(quotas, "hostTokens", countOfSubject.get(on)?.held ?? 0);
        const row = toRow(made);
        try {
          insert.run(row);
        } catch (error) {
          throw isUniqueViolation(error) ? hostTokenExists() : error;
        }
        const entry = { resourceType, resourceId: made.id, verb: "create", ownerId: subject.id } as const;
        log.written(runner, authorized.by, entry, made.createdAt);
        return fromRow(row);
      }),
    update: (authorized, wanted, now) =>
      commits.run(() => {
        const row = select.get({ id: authorized.id });
        if (row === undefined) return false;
        const runner = log.runner({ id: row.runnerId, organizationId: row.organizationId });
        if (Object.keys(wanted).length === 0) return true;
        const { scopes, ...changed } = { ...row, ...wanted };
        // A value in an expression is not converted as that of a column is, hence the text.
        change.run({ ...changed, scopes: JSON.stringify(scopes) });
        const entry = { resourceType, resourceId: row.id, verb: "update", ownerId: row.subjectId } as const;
        log.written(runner, authorized.by, entry, now);
        return true;
      }),
    remove: (authorized, now) => commits.run(() => ender.one(authorized.id, authorized.by, now)),
    handedOver: ({ id }, by, now) => commits.run(() => log.handedOver(by, id, now)),
    removeBefore: (time, limit, now) => commits.run(() => ender.expired(time, limit, now)),
  };
}

function toRow({ subject, ...token }: HostToken & HostTokenValues): Row {
  return {
    ...token,
    subjectId: subject.id,
    subjectPrincipal: subject.principal,
    token: Buffer.from(token.token),
    refreshToken: token.refreshToken && Buffer.from(token.refreshToken),
  };
}

function fromRow(row: Row): HostToken {
  const { subjectId: id, subjectPrincipal, token: _, refreshToken: _refresh, ...rest } = row;
  const subject = { id, principal: subjectPrincipal as Principal };
  return { ...rest, subject, source: rest.source as SignIn };
}
