import { and, desc, eq, isNull, lt, sql } from "drizzle-orm";
import type { CredentialStore } from "../../credential-store.ts";
import { heldToken } from "../access/token-rows.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { accessTokens } from "../schema.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

export function credentialStore(connection: Connection, commits: Commits): CredentialStore {
  const inScope = [
    eq(accessTokens.organizationId, sql.placeholder("organizationId")),
    eq(accessTokens.principal, sql.placeholder("principal")),
    isNull(accessTokens.revokedAt),
  ];
  const one = connection
    .select()
    .from(accessTokens)
    .where(and(eq(accessTokens.id, sql.placeholder("id")), ...inScope))
    .prepare();
  const all = connection
    .select()
    .from(accessTokens)
    .where(and(...inScope, lt(accessTokens.id, sql.placeholder("after"))))
    .orderBy(desc(accessTokens.id))
    .limit(sql.placeholder("limit"))
    .prepare();
  const ofSubject = connection
    .select()
    .from(accessTokens)
    .where(
      and(
        ...inScope,
        eq(accessTokens.subjectId, sql.placeholder("subjectId")),
        lt(accessTokens.id, sql.placeholder("after")),
      ),
    )
    .orderBy(desc(accessTokens.id))
    .limit(sql.placeholder("limit"))
    .prepare();
  const use = connection
    .update(accessTokens)
    .set({ lastUsedAt: sql`max(coalesce(${accessTokens.lastUsedAt}, 0), ${sql.placeholder("atMs")})` })
    .where(eq(accessTokens.id, sql.placeholder("tokenId")))
    .prepare();

  return {
    async get(scope, id) {
      const row = one.get({ ...scope, id });
      const visible =
        row !== undefined && (scope.onlySubjectId === null || scope.onlySubjectId === row.subjectId);
      return visible ? heldToken(row) : null;
    },
    async list(scope, subjectIds, { limit, after }) {
      const common = { ...scope, after: after ?? beyondAllIds, limit: limit + 1 };
      const wanted = subjectsOf(scope.onlySubjectId, subjectIds);
      // One range of the index for each subject, merged here: SQLite would sort all of their rows.
      const found =
        wanted === null
          ? all.all(common)
          : wanted.flatMap((subjectId) => ofSubject.all({ ...common, subjectId }));
      if (wanted !== null && wanted.length > 1) found.sort((a, b) => (a.id < b.id ? 1 : -1));
      return { rows: found.slice(0, limit).map(heldToken), more: found.length > limit };
    },
    saveLastUsed: (uses) =>
      commits.run(() => {
        for (const { tokenId, atMs } of uses) use.run({ tokenId, atMs });
      }),
  };
}

/** The subjects to list; null means everybody. */
function subjectsOf(onlyId: string | null, asked: readonly string[]): string[] | null {
  if (onlyId === null) return asked.length === 0 ? null : [...new Set(asked)];
  return asked.length === 0 || asked.includes(onlyId) ? [onlyId] : [];
}
