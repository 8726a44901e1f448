import { and, eq, type SQL, sql } from "drizzle-orm";
import type { Principal } from "../../../domain/access/principal.ts";
import type { AuditKind, ResourceType } from "../../../domain/access/resources.ts";
import type { AuditFilter, AuditRecord } from "../../../domain/audit/entry.ts";
import type { AuditStore } from "../../event-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { statementCache } from "../engine/statements.ts";
import { auditLog } from "../schema.ts";

const columns = {
  id: auditLog.id,
  actorId: auditLog.actorId,
  actorPrincipal: auditLog.actorPrincipal,
  subjectId: auditLog.subjectId,
  subjectType: auditLog.subjectType,
  action: auditLog.action,
  kind: auditLog.kind,
  createdAt: auditLog.createdAt,
  sourceAddress: auditLog.sourceAddress,
  userAgent: auditLog.userAgent,
};

/** Sorts after every UUID. */
const beyondAllIds = "~";

/** As in runner-list.ts: one range of an index for each value of one column, merged here. */
const drivers = { all: null, actor: auditLog.actorId, subject: auditLog.subjectId } as const;

export function auditStore(connection: Connection, commits: Commits): AuditStore {
  const select = connection
    .select(columns)
    .from(auditLog)
    .where(
      and(
        eq(auditLog.organizationId, sql.placeholder("organizationId")),
        eq(auditLog.id, sql.placeholder("id")),
      ),
    )
    .prepare();
  const range = statementCache((variant) => {
    const [driver, order] = variant.split(" ");
    const backwards = order === "newest_first";
    const { createdAt, id } = auditLog;
    const listed = (column: SQL, list: string) =>
      sql`(${sql.placeholder(list)} IS NULL OR ${column} IN (SELECT value FROM json_each(${sql.placeholder(list)})))`;
    const last = sql`(${sql.placeholder("lastAt")}, ${sql.placeholder("lastId")})`;
    const conditions = [
      eq(auditLog.organizationId, sql.placeholder("organizationId")),
      backwards ? sql`(${createdAt}, ${id}) < ${last}` : sql`(${createdAt}, ${id}) > ${last}`,
      sql`${createdAt} >= ${sql.placeholder("from")}`,
      sql`${createdAt} < ${sql.placeholder("to")}`,
      listed(sql`${auditLog.actorId}`, "actorIds"),
      listed(sql`${auditLog.actorPrincipal}`, "actorPrincipals"),
      listed(sql`${auditLog.subjectId}`, "subjectIds"),
      listed(sql`${auditLog.subjectType}`, "subjectTypes"),
    ];
    const column = drivers[driver as keyof typeof drivers];
    if (column !== null) conditions.push(eq(column, sql.placeholder("value")));
    return connection
      .select(columns)
      .from(auditLog)
      .where(and(...conditions))
      .orderBy(backwards ? sql`${createdAt} DESC, ${id} DESC` : sql`${createdAt}, ${id}`)
      .limit(sql.placeholder("limit"))
      .prepare();
  });
  // CROSS JOIN keeps SQLite on each organisation's oldest: it would walk the whole log to find that nothing is old enough.
  const removeOldest = connection.$client.prepare(
    `DELETE FROM audit_log WHERE id IN (
      SELECT a.id FROM organizations AS o CROSS JOIN audit_log AS a ON a.organization_id = o.id
      WHERE a.created_at < @time LIMIT @limit
    )`,
  );

  return {
    async list(organizationId, filter, order, { limit, after }) {
      const { driver, values } = driving(filter);
      const backwards = order === "newest_first";
      const common = {
        organizationId,
        lastAt: after?.createdAt ?? (backwards ? Number.MAX_SAFE_INTEGER : -1),
        lastId: after?.id ?? (backwards ? beyondAllIds : ""),
        from: filter.from ?? 0,
        to: filter.to ?? Number.MAX_SAFE_INTEGER,
        actorIds: alternatives(filter.actorIds),
        actorPrincipals: alternatives(filter.actorPrincipals),
        subjectIds: alternatives(filter.subjectIds),
        subjectTypes: alternatives(filter.subjectTypes),
        limit: limit + 1,
      };
      const rows = values.flatMap((value) => range(`${driver} ${order}`).all({ ...common, value }));
      if (values.length > 1) {
        const sign = backwards ? -1 : 1;
        rows.sort((a, b) => sign * (a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)));
      }
      return { rows: rows.slice(0, limit).map(fromRow), more: rows.length > limit };
    },
    async get(organizationId, id) {
      const row = select.get({ organizationId, id });
      return row ? fromRow(row) : null;
    },
    removeBefore: (time, limit) => commits.run(() => removeOldest.run({ time, limit }).changes),
  };
}

/** A subject or an actor is rarer than a time: it drives when the caller names one. */
function driving(filter: AuditFilter): { driver: keyof typeof drivers; values: readonly (string | null)[] } {
  if (filter.subjectIds.length > 0) return { driver: "subject", values: [...new Set(filter.subjectIds)] };
  if (filter.actorIds.length > 0) return { driver: "actor", values: [...new Set(filter.actorIds)] };
  return { driver: "all", values: [null] };
}

function alternatives(values: readonly unknown[]): string | null {
  return values.length === 0 ? null : JSON.stringify(values);
}

type Row = Omit<AuditRecord, "actorPrincipal" | "subjectType" | "kind"> & {
  actorPrincipal: number;
  subjectType: number;
  kind: number;
};

function fromRow(row: Row): AuditRecord {
  return {
    ...row,
    actorPrincipal: row.actorPrincipal as Principal,
    subjectType: row.subjectType as ResourceType,
    kind: row.kind as AuditKind,
  };
}
