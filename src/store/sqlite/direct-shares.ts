import { and, eq, sql } from "drizzle-orm";
import type { Subject } from "../../domain/access/principal.ts";
import { directShareName } from "../../domain/groups/group.ts";
import type { IdSource } from "../../domain/ids.ts";
import type { Connection } from "./open.ts";
import { groupMemberships, groups } from "./schema.ts";
import { columnPlaceholders } from "./statements.ts";

/** The groups that hold what is shared with one principal directly. Usable inside a transaction. */
export interface DirectShares {
  /** The principal's group, or null when nothing was ever shared with it. */
  find(organizationId: string, principalId: string): string | null;
  /** The principal's group, which is made when it is missing. */
  ensure(organizationId: string, principal: Subject, now: number): string;
}

export function directShares(connection: Connection, newId: IdSource): DirectShares {
  const select = connection
    .select({ id: groups.id })
    .from(groups)
    .where(
      and(
        eq(groups.organizationId, sql.placeholder("organizationId")),
        eq(groups.name, sql.placeholder("name")),
        eq(groups.directShare, true),
      ),
    )
    .prepare();
  const insertGroup = connection.insert(groups).values(columnPlaceholders(groups)).prepare();
  const insertMember = connection
    .insert(groupMemberships)
    .values(columnPlaceholders(groupMemberships))
    .onConflictDoNothing()
    .prepare();

  function find(organizationId: string, principalId: string): string | null {
    return select.get({ organizationId, name: directShareName(principalId) })?.id ?? null;
  }
  return {
    find,
    ensure(organizationId, principal, now) {
      let groupId = find(organizationId, principal.id);
      if (groupId === null) {
        groupId = newId();
        insertGroup.run({
          id: groupId,
          organizationId,
          name: directShareName(principal.id),
          description: "",
          systemManaged: false,
          directShare: true,
          createdAt: now,
          updatedAt: now,
        });
      }
      insertMember.run({
        id: newId(),
        organizationId,
        groupId,
        subjectId: principal.id,
        subjectPrincipal: principal.principal,
        createdAt: now,
      });
      return groupId;
    },
  };
}
