import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import type { Principal } from "../../../domain/access/principal.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { DomainError } from "../../../domain/errors.ts";
import type { ServiceAccount } from "../../../domain/service-accounts/service-account.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { ServiceAccountStore } from "../../service-account-store.ts";
import { containsFolded, defineFoldCase, foldCase } from "../access/fold-case.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { auditOperator } from "../journal/operator-journal.ts";
import type { HostTokenEnder } from "../runners/host-token-ender.ts";
import { serviceAccounts } from "../schema.ts";
import { departure } from "./departure.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

type Row = typeof serviceAccounts.$inferSelect;

export function serviceAccountStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  newId: IdSource,
  hostTokens: Pick<HostTokenEnder, "ofSubject">,
): ServiceAccountStore {
  defineFoldCase(connection);
  const isTheAccount = eq(serviceAccounts.id, sql.placeholder("id"));
  const select = connection.select().from(serviceAccounts).where(isTheAccount).prepare();
  const insert = connection.insert(serviceAccounts).values(columnPlaceholders(serviceAccounts)).prepare();
  const change = connection
    .update(serviceAccounts)
    .set({
      name: sql`${sql.placeholder("name")}`,
      description: sql`${sql.placeholder("description")}`,
      suspended: sql`${sql.placeholder("suspended")}`,
      deletedAt: sql`${sql.placeholder("deletedAt")}`,
    })
    .where(isTheAccount)
    .prepare();
  const removeOldest = connection.$client.prepare<{
    time: number;
    limit: number;
  }>(`DELETE FROM service_accounts
    WHERE id IN (SELECT id FROM service_accounts WHERE deleted_at < @time LIMIT @limit)`);
  const depart = departure(
    connection,
    newId,
    ResourceType.SERVICE_ACCOUNT,
    "SERVICE_ACCOUNT_DELETED",
    hostTokens,
  );
  const ids = sql.placeholder("ids");
  const list = connection
    .select()
    .from(serviceAccounts)
    .where(
      and(
        eq(serviceAccounts.organizationId, sql.placeholder("organizationId")),
        lt(serviceAccounts.id, sql.placeholder("after")),
        sql`(${sql.placeholder("includeSuspended")} OR NOT ${serviceAccounts.suspended})`,
        sql`(${ids} IS NULL OR ${serviceAccounts.id} IN (SELECT value FROM json_each(${ids})))`,
        containsFolded("search", [serviceAccounts.name, serviceAccounts.description, serviceAccounts.id]),
      ),
    )
    .orderBy(desc(serviceAccounts.id))
    .limit(sql.placeholder("limit"))
    .prepare();

  /** The account, unless it is gone. */
  function there(id: string): ServiceAccount | null {
    const row = select.get({ id });
    return row === undefined || row.deletedAt !== null ? null : fromRow(row);
  }

  /** A value in an expression is not converted as that of a column is, hence the number. */
  function write(account: ServiceAccount): void {
    change.run({ ...account, suspended: account.suspended ? 1 : 0 });
  }

  function written(
    by: Attribution,
    account: ServiceAccount,
    verb: string,
    operation: ResourceOperation,
    now: number,
  ): void {
    const subject = { subjectType: ResourceType.SERVICE_ACCOUNT, subjectId: account.id };
    journal.audit({
      by,
      now,
      action: `service_account.${verb}`,
      ...subject,
      kind: AuditKind.RESOURCE_CHANGE,
    });
    tell(account, operation, now);
  }

  function tell(account: ServiceAccount, operation: ResourceOperation, now: number): void {
    const { id: resourceId, organizationId, creator } = account;
    const resource = { resourceType: ResourceType.SERVICE_ACCOUNT, resourceId, creatorId: creator.id };
    journal.event({ organizationId, operation, ...resource, now });
  }

  return {
    async get({ organizationId, onlyId }, id) {
      if (onlyId !== null && onlyId !== id) return null;
      const row = select.get({ id });
      return row?.organizationId === organizationId ? fromRow(row) : null;
    },
    async list({ organizationId, onlyId }, filter, { limit, after }) {
      const wanted = wantedIds(onlyId, filter.ids);
      const found = list.all({
        organizationId,
        after: after ?? beyondAllIds,
        includeSuspended: filter.includeSuspended ? 1 : 0,
        ids: wanted && JSON.stringify(wanted),
        search: foldCase(filter.search),
        limit: limit + 1,
      });
      return { rows: found.slice(0, limit).map(fromRow), more: found.length > limit };
    },
    create: (grant, account) =>
      commits.run(() => {
        unlessNameTaken(() => insert.run(toRow(account)));
        written(grant.by, account, "create", ResourceOperation.CREATE, account.createdAt);
      }),
    update: (account, wanted, now) =>
      commits.run(() => {
        const existing = there(account.id);
        if (existing === null) return null;
        const changed = { ...existing, ...wanted };
        unlessNameTaken(() => write(changed));
        written(account.by, changed, "update", ResourceOperation.UPDATE, now);
        return changed;
      }),
    remove: (account, now) =>
      commits.run(() => {
        const existing = there(account.id);
        if (existing === null) return false;
        write({ ...existing, suspended: true, deletedAt: now });
        depart(account, account.by, now);
        written(account.by, account, "delete", ResourceOperation.DELETE, now);
        return true;
      }),
    setSuspended: (grant, id, suspended, now) =>
      commits.run(() => {
        const existing = there(id);
        if (existing === null) return null;
        const changed = { ...existing, suspended };
        if (existing.suspended === suspended) return changed;
        write(changed);
        const action = `service_account.${suspended ? "suspend" : "resume"}`;
        const subject = { subjectType: ResourceType.SERVICE_ACCOUNT, subjectId: id };
        auditOperator(journal, grant, { organizationId: existing.organizationId, action, ...subject, now });
        tell(changed, ResourceOperation.UPDATE, now);
        return changed;
      }),
    removeBefore: (time, limit) => commits.run(() => removeOldest.run({ time, limit }).changes),
  };
}

/** The accounts to list; null means every one. */
function wantedIds(onlyId: string | null, asked: readonly string[]): readonly string[] | null {
  if (onlyId === null) return asked.length === 0 ? null : asked;
  return asked.length === 0 || asked.includes(onlyId) ? [onlyId] : [];
}

function unlessNameTaken(write: () => unknown): void {
  try {
    write();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new DomainError("already_exists", "another service account has this name", {
      reason: "SERVICE_ACCOUNT_NAME_TAKEN",
    });
  }
}

function toRow({ creator, ...account }: ServiceAccount): Row {
  return { ...account, creatorId: creator.id, creatorPrincipal: creator.principal };
}

function fromRow({ creatorId, creatorPrincipal, ...row }: Row): ServiceAccount {
  return { ...row, creator: { id: creatorId, principal: creatorPrincipal as Principal } };
}
