import type { Subject } from "../../domain/access/principal.ts";
import type { Connection } from "./open.ts";
import { groupMemberships } from "./schema.ts";
import { columnPlaceholders } from "./statements.ts";

/** Somebody who becomes a member of a group. */
export interface NewMember {
  /** Of the membership. */
  readonly id: string;
  readonly organizationId: string;
  readonly groupId: string;
  readonly subject: Subject;
  readonly createdAt: number;
}

/** Writes memberships; usable inside a transaction. Rejects as SQLite does when there is no group, or one already. */
export function memberWriter(connection: Connection): (member: NewMember) => void {
  const insert = connection.insert(groupMemberships).values(columnPlaceholders(groupMemberships)).prepare();
  return ({ subject, ...member }) => {
    insert.run({ ...member, subjectId: subject.id, subjectPrincipal: subject.principal });
  };
}
