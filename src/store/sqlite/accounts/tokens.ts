import { and, count, desc, eq, gt, gte, isNull, ne, or, sql } from "drizzle-orm";
import { Principal } from "../../../domain/access/principal.ts";
import { AuditKind, ResourceType } from "../../../domain/access/resources.ts";
import { ownAttribution } from "../../../domain/access/runners.ts";
import { type Quotas, refuseOver } from "../../../domain/limits/quotas.ts";
import { accessTokenLifetimeMs } from "../../../domain/service-accounts/service-account.ts";
import { decideExchange } from "../../../domain/tokens/exchange.ts";
import type { TokenStore } from "../../store.ts";
import {
  accessTokenFromRow,
  accessTokenRow,
  exchangeTokenRow,
  presentedColumns,
  presentedToken,
} from "../access/token-rows.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { ChangeCounts } from "../engine/writer-messages.ts";
import type { Journal } from "../journal/journal.ts";
import { tokenJournal } from "../journal/token-journal.ts";
import { accessTokens, exchangeTokens, runners, serviceAccounts, users } from "../schema.ts";

/** Rows that one commit deletes at most, so that calls get their turn in between. */
const forgottenAtOnce = 500;

export function tokenStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  quotas: Quotas,
  counts: ChangeCounts,
): TokenStore {
  const written = tokenJournal(journal);
  const selectAccess = connection
    .select(presentedColumns)
    .from(accessTokens)
    .leftJoin(users, and(eq(accessTokens.principal, Principal.USER), eq(users.id, accessTokens.subjectId)))
    .leftJoin(
      serviceAccounts,
      and(
        eq(accessTokens.principal, Principal.SERVICE_ACCOUNT),
        eq(serviceAccounts.id, accessTokens.subjectId),
      ),
    )
    .where(eq(accessTokens.hash, sql.placeholder("hash")))
    .prepare();
  const selectLive = connection
    .select()
    .from(accessTokens)
    .where(
      and(
        eq(accessTokens.id, sql.placeholder("id")),
        eq(accessTokens.organizationId, sql.placeholder("organizationId")),
        isNull(accessTokens.revokedAt),
      ),
    )
    .prepare();
  const selectAccessById = connection
    .select({ revokedAt: accessTokens.revokedAt, certificateName: accessTokens.certificateName })
    .from(accessTokens)
    .where(eq(accessTokens.id, sql.placeholder("id")))
    .prepare();
  const selectExchange = connection
    .select()
    .from(exchangeTokens)
    .where(eq(exchangeTokens.hash, sql.placeholder("hash")))
    .prepare();
  const selectRunner = connection
    .select({ creatorId: runners.creatorId, creatorPrincipal: runners.creatorPrincipal })
    .from(runners)
    .where(
      and(
        eq(runners.id, sql.placeholder("runnerId")),
        eq(runners.organizationId, sql.placeholder("organizationId")),
      ),
    )
    .prepare();
  const countUnused = connection
    .select({ held: count() })
    .from(exchangeTokens)
    .where(
      and(
        eq(exchangeTokens.organizationId, sql.placeholder("organizationId")),
        eq(exchangeTokens.runnerId, sql.placeholder("runnerId")),
        isNull(exchangeTokens.usedAt),
        gt(exchangeTokens.expiresAt, sql.placeholder("now")),
      ),
    )
    .prepare();
  const countLive = connection
    .select({ held: count() })
    .from(accessTokens)
    .where(
      and(
        eq(accessTokens.organizationId, sql.placeholder("organizationId")),
        eq(accessTokens.subjectId, sql.placeholder("subjectId")),
        isNull(accessTokens.revokedAt),
        or(isNull(accessTokens.expiresAt), gt(accessTokens.expiresAt, sql.placeholder("now"))),
        sql`coalesce(${accessTokens.expiresAt} - ${accessTokens.createdAt} <= ${accessTokenLifetimeMs}, 0) = ${sql.placeholder("shortLived")}`,
      ),
    )
    .prepare();
  const insertAccess = connection.insert(accessTokens).values(columnPlaceholders(accessTokens)).prepare();
  const insertExchange = connection
    .insert(exchangeTokens)
    .values(columnPlaceholders(exchangeTokens))
    .prepare();
  const useExchange = connection
    .update(exchangeTokens)
    .set({
      usedAt: sql`${sql.placeholder("usedAt")}`,
      idempotencyHash: sql`${sql.placeholder("idempotencyHash")}`,
      accessTokenId: sql`${sql.placeholder("accessTokenId")}`,
    })
    .where(eq(exchangeTokens.hash, sql.placeholder("hash")))
    .prepare();
  const revoke = connection
    .update(accessTokens)
    .set({ revokedAt: sql`${sql.placeholder("now")}`, revokedFor: "TOKEN_REVOKED" })
    .where(
      and(
        eq(accessTokens.id, sql.placeholder("id")),
        eq(accessTokens.organizationId, sql.placeholder("organizationId")),
        isNull(accessTokens.revokedAt),
      ),
    )
    .prepare();
  const list = connection
    .select()
    .from(accessTokens)
    .where(
      and(
        eq(accessTokens.organizationId, sql.placeholder("organizationId")),
        ne(accessTokens.principal, Principal.RUNNER),
      ),
    )
    .orderBy(desc(accessTokens.id))
    .prepare();
  const listOfSubject = connection
    .select()
    .from(accessTokens)
    .where(
      and(
        eq(accessTokens.organizationId, sql.placeholder("organizationId")),
        eq(accessTokens.subjectId, sql.placeholder("subjectId")),
      ),
    )
    .orderBy(desc(accessTokens.id))
    .prepare();

  return {
    async findAccessToken(hash) {
      const row = selectAccess.get({ hash });
      return row ? presentedToken(row) : null;
    },
    addExchangeToken: (runner, token) =>
      commits.run(() => {
        const { id: runnerId, organizationId } = runner;
        if (selectRunner.get({ runnerId, organizationId }) === undefined) return false;
        const unused = countUnused.get({ runnerId, organizationId, now: token.createdAt })?.held ?? 0;
        refuseOver(quotas, "exchangeTokens", unused);
        insertExchange.run(exchangeTokenRow(token, runner));
        journal.audit({
          by: runner.by,
          now: token.createdAt,
          action: "runner.create_exchange_token",
          subjectType: ResourceType.RUNNER,
          subjectId: runnerId,
          kind: AuditKind.CREDENTIAL_ACCESS,
        });
        return true;
      }),
    exchange: ({ hash, idempotencyHash, access, certificateName, from, now }) =>
      commits.run(() => {
        const stored = selectExchange.get({ hash }) ?? null;
        const lost = stored?.accessTokenId ? selectAccessById.get({ id: stored.accessTokenId }) : undefined;
        const given = lost ? { ended: lost.revokedAt !== null, certificateName: lost.certificateName } : null;
        const decision = decideExchange(stored, { idempotencyHash, certificateName }, now, given);
        const { organizationId, runnerId, usedAt } = decision.token;
        if (decision.replaces !== null) {
          revoke.run({ id: decision.replaces, organizationId, now });
          counts.revocations += 1;
        }
        const live = countLive.get({ organizationId, subjectId: runnerId, now, shortLived: 0 })?.held ?? 0;
        refuseOver(quotas, "accessTokens", live);
        const by = { ...ownAttribution({ id: runnerId, organizationId }), ...from };
        const token = {
          ...access,
          organizationId,
          subjectId: runnerId,
          principal: Principal.RUNNER,
          description: "",
          readOnly: false,
          by,
          createdAt: now,
          expiresAt: null,
        };
        insertAccess.run(accessTokenRow(token, certificateName));
        useExchange.run({ hash, usedAt: usedAt ?? now, idempotencyHash, accessTokenId: access.id });
        journal.audit({
          by,
          now,
          action: "runner.exchange_token",
          subjectType: ResourceType.RUNNER,
          subjectId: runnerId,
          kind: AuditKind.CREDENTIAL_ACCESS,
        });
        return decision.token;
      }),
    addAccessToken: (token) =>
      commits.run(() => {
        const { organizationId, subjectId, createdAt: now, expiresAt } = token;
        const brief = expiresAt !== null && expiresAt - now <= accessTokenLifetimeMs;
        const live = countLive.get({ organizationId, subjectId, now, shortLived: Number(brief) })?.held ?? 0;
        refuseOver(quotas, brief ? "shortLivedTokens" : "accessTokens", live);
        insertAccess.run(accessTokenRow(token));
        written.minted(token.by, token, token.createdAt);
      }),
    async listAccessTokens(organizationId, subjectId) {
      const rows =
        subjectId === undefined
          ? list.all({ organizationId })
          : listOfSubject.all({ organizationId, subjectId });
      return rows.map(accessTokenFromRow);
    },
    forgetEnded: (before) =>
      commits.run(() => {
        const batch = sql`LIMIT ${forgottenAtOnce}`;
        // All live equally long, so that the oldest end first, and an index by expiry would find no others. Those made while
        // the clock was ahead are in the way until their time has come.
        const exchanged =
          connection.run(sql`DELETE FROM exchange_tokens WHERE expires_at < ${before} AND rowid IN
          (SELECT rowid FROM exchange_tokens ORDER BY rowid ${batch})`);
        const ended = connection.run(sql`DELETE FROM access_tokens WHERE id IN
          (SELECT id FROM access_tokens WHERE (revoked_at < ${before} OR expires_at < ${before}) AND NOT EXISTS
          (SELECT 1 FROM exchange_tokens WHERE access_token_id = access_tokens.id) ${batch})`);
        return exchanged.changes + ended.changes;
      }),
    async runnersRevokedSince(since) {
      // Written out: in a query of one table Drizzle leaves its name away, and the columns would be those of `other`.
      const liveTokens = sql<number>`(SELECT count(*) FROM access_tokens AS other
        WHERE other.organization_id = access_tokens.organization_id
        AND other.subject_id = access_tokens.subject_id AND other.revoked_at IS NULL)`;
      const rows = connection
        .selectDistinct({ runnerId: accessTokens.subjectId, live: liveTokens })
        .from(accessTokens)
        .where(and(gte(accessTokens.revokedAt, since), eq(accessTokens.principal, Principal.RUNNER)))
        .all();
      return rows.map(({ runnerId, live }) => ({ runnerId, cutOff: live === 0 }));
    },
    revocationMark: () => String(counts.revocations),
    revokeAccessToken: (by, id, now) =>
      commits.run(() => {
        const token = selectLive.get({ id, organizationId: by.organizationId });
        if (token === undefined) return false;
        revoke.run({ ...token, now });
        counts.revocations += 1;
        written.revoked(by, accessTokenFromRow(token), now);
        return true;
      }),
  };
}
