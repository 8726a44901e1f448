import { ResourceType } from "../../../domain/access/resources.ts";
import { ResourceRole } from "../../../domain/access/roles.ts";
import {
  type MemberField,
  type MemberFilter,
  type MemberScope,
  OrganizationRole,
  presentStatuses,
} from "../../../domain/organizations/member.ts";
import type { Organization } from "../../../domain/organizations/organization.ts";
import type { User } from "../../../domain/users/user.ts";
import type { MemberStore } from "../../member-store.ts";
import { defineFoldCase, foldCase } from "../access/fold-case.ts";
import type { Connection } from "../engine/open.ts";
import { statementCache } from "../engine/statements.ts";

/** Whether the user `u` holds the role of an admin, by any of its groups. */
const isAdmin = `EXISTS (SELECT 1 FROM group_memberships AS m
  JOIN role_assignments AS r ON r.group_id = m.group_id
  WHERE m.organization_id = u.organization_id AND m.subject_id = u.id
  AND r.resource_type = ${ResourceType.ORGANIZATION} AND r.resource_id = u.organization_id
  AND r.role = ${ResourceRole.ORG_ADMIN})`;

const listed = (values: string) => `(SELECT value FROM json_each(@${values}))`;

/** The users `u` that a scope and a filter leave. */
const wanted = `u.organization_id = @organizationId
  AND (@onlyId IS NULL OR u.id = @onlyId)
  AND u.status IN ${listed("statuses")}
  AND (@ids IS NULL OR u.id IN ${listed("ids")})
  AND (@email = '' OR fold_case(u.email) = @email)
  AND (@search = '' OR instr(fold_case(u.name), @search) > 0 OR instr(fold_case(u.email), @search) > 0
    OR instr(u.id, @search) > 0)
  AND (@roles IS NULL OR CASE WHEN ${isAdmin} THEN ${OrganizationRole.ADMIN} ELSE ${OrganizationRole.MEMBER} END
    IN ${listed("roles")})
  AND (@outsideGroups IS NULL OR NOT EXISTS (SELECT 1 FROM group_memberships AS g
    WHERE g.organization_id = u.organization_id AND g.subject_id = u.id
    AND g.group_id IN ${listed("outsideGroups")}))
  AND @loginProvider = 0`;

/** Ids grow with time, and tell users of one name apart. */
const sortKeys: Readonly<Record<MemberField, readonly string[]>> = {
  name: ["fold_case(u.name)", "u.id"],
  dateJoined: ["u.id"],
};

interface Row extends User {
  readonly admin: 0 | 1;
}

export function memberStore(connection: Connection): MemberStore {
  defineFoldCase(connection);
  const client = connection.$client;
  const selectOrganization = client.prepare<[string], Organization>(
    "SELECT id, name, created_at AS createdAt FROM organizations WHERE id = ?",
  );
  // A page goes on after a user, not after a name: names never change, and the rows of users who left stay.
  const selectPage = statementCache((order) => {
    const [field, direction] = order.split(" ") as [MemberField, "ASC" | "DESC"];
    const keys = sortKeys[field];
    const after = `SELECT ${keys.join().replaceAll("u.", "a.")} FROM users AS a WHERE a.id = @after`;
    return client.prepare<object, Row>(`SELECT u.id, u.organization_id AS organizationId, u.name, u.email,
      u.avatar_url AS avatarUrl, u.status, u.created_at AS createdAt, ${isAdmin} AS admin FROM users AS u
      WHERE ${wanted} AND (@after IS NULL OR (${keys}) ${direction === "ASC" ? ">" : "<"} (${after}))
      ORDER BY ${keys.map((key) => `${key} ${direction}`)} LIMIT @limit`);
  });
  const countRows = client
    .prepare<object, number>(`SELECT count(*) FROM (SELECT 1 FROM users AS u WHERE ${wanted} LIMIT @limit)`)
    .pluck();

  return {
    async organization({ organizationId }) {
      return selectOrganization.get(organizationId) ?? null;
    },
    async list(scope, filter, { field, descending }, { limit, after }) {
      const page = { ...parameters(scope, filter), after, limit: limit + 1 };
      const found = selectPage(`${field} ${descending ? "DESC" : "ASC"}`).all(page);
      const rows = found.slice(0, limit).map(({ admin, ...user }) => ({ ...user, admin: admin === 1 }));
      return { rows, more: found.length > limit };
    },
    async count(scope, filter, limit) {
      return countRows.get({ ...parameters(scope, filter), limit }) ?? 0;
    },
  };
}

function parameters(scope: MemberScope, filter: MemberFilter) {
  const list = (values: readonly unknown[]) => (values.length === 0 ? null : JSON.stringify(values));
  return {
    ...scope,
    search: foldCase(filter.search),
    email: foldCase(filter.email),
    statuses: list(filter.statuses) ?? JSON.stringify(presentStatuses),
    roles: list(filter.roles),
    ids: list(filter.ids),
    outsideGroups: list(filter.outsideGroups),
    loginProvider: filter.loginProvider,
  };
}
