import { and, desc, eq, lt, ne, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import type { Subject } from "../../../domain/access/principal.ts";
import { Principal } from "../../../domain/access/principal.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { DomainError } from "../../../domain/errors.ts";
import {
  type Group,
  groupNotFound,
  type Membership,
  principalNotFound,
  refuseWithoutAdmin,
  type SystemGroup,
} from "../../../domain/groups/group.ts";
import { UserStatus } from "../../../domain/users/user.ts";
import type { GroupStore } from "../../group-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isForeignKeyViolation, isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { groupMemberships, serviceAccounts, users } from "../schema.ts";
import { containsFolded, foldCase } from "./fold-case.ts";
import { resourceLookup } from "./resource-lookup.ts";

export type MemberPart = Pick<
  GroupStore,
  "addMember" | "removeMember" | "membership" | "membershipOf" | "members"
>;

/** Sorts after every UUID. */
const beyondAllIds = "~";

/** The part of the group store that is about members. */
export function memberPart(connection: Connection, commits: Commits, journal: Journal): MemberPart {
  const lookup = resourceLookup(connection);
  const name = sql<string>`coalesce(${users.name}, ${serviceAccounts.name}, '')`;
  const email = sql`coalesce(${users.email}, '')`;
  const description = sql`coalesce(${serviceAccounts.description}, '')`;
  const members = () =>
    connection
      .select({
        id: groupMemberships.id,
        organizationId: groupMemberships.organizationId,
        groupId: groupMemberships.groupId,
        subjectId: groupMemberships.subjectId,
        subjectPrincipal: groupMemberships.subjectPrincipal,
        name,
        avatarUrl: sql<string>`coalesce(${users.avatarUrl}, '')`,
      })
      .from(groupMemberships)
      .leftJoin(users, eq(users.id, groupMemberships.subjectId))
      .leftJoin(serviceAccounts, eq(serviceAccounts.id, groupMemberships.subjectId));
  const ofOrganization = eq(groupMemberships.organizationId, sql.placeholder("organizationId"));
  const ofGroup = eq(groupMemberships.groupId, sql.placeholder("groupId"));
  const hasId = eq(groupMemberships.id, sql.placeholder("id"));
  const selectById = members().where(and(ofOrganization, hasId)).prepare();
  const selectOfSubject = members()
    .where(
      and(
        ofOrganization,
        ofGroup,
        eq(groupMemberships.subjectId, sql.placeholder("subjectId")),
        eq(groupMemberships.subjectPrincipal, sql.placeholder("principal")),
      ),
    )
    .prepare();
  const list = members()
    .where(
      and(
        ofOrganization,
        ofGroup,
        lt(groupMemberships.id, sql.placeholder("after")),
        containsFolded("search", [name, email, description, groupMemberships.subjectId]),
      ),
    )
    .orderBy(desc(groupMemberships.id))
    .limit(sql.placeholder("limit"))
    .prepare();
  const insert = memberWriter(connection);
  const remove = connection
    .delete(groupMemberships)
    .where(and(ofOrganization, ofGroup, hasId))
    .prepare();
  const countOtherUsers = connection
    .select({ count: sql<number>`count(*)` })
    .from(groupMemberships)
    .innerJoin(users, eq(users.id, groupMemberships.subjectId))
    .where(
      and(
        ofOrganization,
        ofGroup,
        ne(groupMemberships.id, sql.placeholder("id")),
        eq(users.status, UserStatus.ACTIVE),
      ),
    )
    .prepare();

  function written(
    group: Group & { readonly by: Attribution },
    verb: string,
    operation: ResourceOperation,
    now: number,
  ): void {
    const { id, organizationId, by } = group;
    const subject = { subjectType: ResourceType.GROUP, subjectId: id };
    journal.audit({ by, now, action: `group.${verb}`, ...subject, kind: AuditKind.RESOURCE_CHANGE });
    const resource = { resourceType: ResourceType.GROUP_MEMBERSHIP_CHANGED, resourceId: id };
    journal.event({ organizationId, operation, ...resource, creatorId: by.actor.id, now });
  }

  return {
    addMember: (group, { id, subject }, now) =>
      commits.run(() => {
        const { organizationId, id: groupId } = group;
        if (!lookup.principal(organizationId, subject)) throw principalNotFound();
        try {
          insert({ id, organizationId, groupId, subject, createdAt: now });
        } catch (error) {
          if (isForeignKeyViolation(error)) throw groupNotFound();
          if (!isUniqueViolation(error)) throw error;
          throw new DomainError("already_exists", "the group has this member already", {
            reason: "ALREADY_A_MEMBER",
          });
        }
        written(group, "add_member", ResourceOperation.CREATE, now);
        return fromRow(selectById.get({ organizationId, id })) as Membership;
      }),
    removeMember: (group, id, now) =>
      commits.run(() => {
        const { organizationId, id: groupId } = group;
        const row = selectById.get({ organizationId, id });
        if (row === undefined || row.groupId !== groupId) return false;
        const isAdmins = group.systemManaged && group.name === ("org-admins" satisfies SystemGroup);
        if (isAdmins && row.subjectPrincipal === Principal.USER) {
          refuseWithoutAdmin(countOtherUsers.get({ organizationId, groupId, id })?.count ?? 0);
        }
        remove.run({ organizationId, groupId, id });
        written(group, "remove_member", ResourceOperation.DELETE, now);
        return true;
      }),
    async membership(organizationId, id) {
      return fromRow(selectById.get({ organizationId, id }));
    },
    async membershipOf(organizationId, groupId, { id: subjectId, principal }) {
      return fromRow(selectOfSubject.get({ organizationId, groupId, subjectId, principal }));
    },
    async members({ organizationId, id: groupId }, search, { limit, after }) {
      const rows = list.all({
        organizationId,
        groupId,
        search: foldCase(search),
        after: after ?? beyondAllIds,
        limit: limit + 1,
      });
      return {
        rows: rows.slice(0, limit).map((row) => fromRow(row) as Membership),
        more: rows.length > limit,
      };
    },
  };
}

interface MemberRow extends Omit<Membership, "subject"> {
  readonly subjectId: string;
  readonly subjectPrincipal: number;
}

function fromRow(row: MemberRow | undefined): Membership | null {
  if (row === undefined) return null;
  const { subjectId, subjectPrincipal, ...rest } = row;
  return { ...rest, subject: { id: subjectId, principal: subjectPrincipal as Principal } };
}

/** An account that becomes a member of a group. */
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
