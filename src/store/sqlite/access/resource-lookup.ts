import { and, eq, isNull, ne, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import { Principal, type Subject } from "../../../domain/access/principal.ts";
import { ResourceType } from "../../../domain/access/resources.ts";
import type { Resource } from "../../../domain/groups/assignment.ts";
import { UserStatus } from "../../../domain/users/user.ts";
import type { Connection } from "../engine/open.ts";
import { groups, runners, serviceAccounts, users } from "../schema.ts";

/** Tells whether things are there; usable inside a transaction. */
export interface ResourceLookup {
  /** A user or service account of the organisation. */
  principal(organizationId: string, subject: Subject): boolean;
  /** True for things of other systems, which this server cannot know. */
  resource(organizationId: string, resource: Resource): boolean;
}

export function resourceLookup(connection: Connection): ResourceLookup {
  const hasRow = (table: SQLiteTable & { id: SQLiteColumn; organizationId: SQLiteColumn }, is?: SQL) => {
    const select = connection
      .select({ id: table.id })
      .from(table as SQLiteTable)
      .where(
        and(
          eq(table.organizationId, sql.placeholder("organizationId")),
          eq(table.id, sql.placeholder("id")),
          is,
        ),
      )
      .prepare();
    return (organizationId: string, id: string) => select.get({ organizationId, id }) !== undefined;
  };
  const hasUser = hasRow(users, ne(users.status, UserStatus.LEFT));
  const hasServiceAccount = hasRow(serviceAccounts, isNull(serviceAccounts.deletedAt));
  const hasRunner = hasRow(runners);
  const hasGroup = hasRow(groups);
  return {
    principal(organizationId, { id, principal }) {
      if (principal === Principal.USER) return hasUser(organizationId, id);
      return principal === Principal.SERVICE_ACCOUNT && hasServiceAccount(organizationId, id);
    },
    resource(organizationId, { resourceType, resourceId }) {
      switch (resourceType) {
        case ResourceType.ORGANIZATION:
          return resourceId === organizationId;
        case ResourceType.RUNNER:
          return hasRunner(organizationId, resourceId);
        case ResourceType.GROUP:
          return hasGroup(organizationId, resourceId);
        case ResourceType.USER:
          return hasUser(organizationId, resourceId);
        case ResourceType.SERVICE_ACCOUNT:
          return hasServiceAccount(organizationId, resourceId);
        default:
          return true;
      }
    },
  };
}
