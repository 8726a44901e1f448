import { and, eq, sql } from "drizzle-orm";
import type { Subject } from "../../../domain/access/principal.ts";
import { directShareName } from "../../../domain/groups/group.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import { groups } from "../schema.ts";
import { memberWriter } from "./memberships.ts";

/** The groups that hold what is shared with one principal directly. Usable inside a transaction. */
export interface DirectShares {
  /** The principal's group, or null when nothing was ever shared with it. */
  find(organizationId: string, principalId: string): string | null;
  /** The principal's group, which is made when it is missing. */
  ensure(organizationId: string, principal: Subject, now: number): string;
  /** Removes the group of a principal that goes away, if there is one. */
  end(organizationId: string, principalId: string): void;
}

export function directShares(connection: Connection, newId: IdSource): DirectShares {
  const isTheGroup = and(
    eq(groups.organizationId, sql.placeholder("organizationId")),
    eq(groups.name, sql.placeholder("name")),
    eq(groups.directShare, true),
  );
  const select = connection.select({ id: groups.id }).from(groups).where(isTheGroup).prepare();
  const insertGroup = connection.insert(groups).values(columnPlaceholders(groups)).prepare();
  const insertMember = memberWriter(connection);
  const removeGroup = connection.delete(groups).where(isTheGroup).prepare();

  function find(organizationId: string, principalId: string): string | null {
    return select.get({ organizationId, name: directShareName(principalId) })?.id ?? null;
  }
  return {
    find,
    ensure(organizationId, principal, now) {
      const found = find(organizationId, principal.id);
      // No caller can change who belongs to such a group.
      if (found !== null) return found;
      const groupId = newId();
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
      insertMember({ id: newId(), organizationId, groupId, subject: principal, createdAt: now });
      return groupId;
    },
    end(organizationId, principalId) {
      // Its member and the roles that it holds go with the row.
      removeGroup.run({ organizationId, name: directShareName(principalId) });
    },
  };
}
