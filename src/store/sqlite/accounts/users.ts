import { and, eq, sql } from "drizzle-orm";
import { Principal } from "../../../domain/access/principal.ts";
import { ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { DomainError } from "../../../domain/errors.ts";
import { refuseWithoutAdmin, type SystemGroup } from "../../../domain/groups/group.ts";
import { organizationNotFound } from "../../../domain/organizations/organization.ts";
import type { OperatorGrant } from "../../../domain/users/rights.ts";
import { type User, UserStatus } from "../../../domain/users/user.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { UserStore } from "../../user-store.ts";
import { memberWriter } from "../access/memberships.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isForeignKeyViolation, isUniqueViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders, keysetList } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { auditOperator } from "../journal/operator-journal.ts";
import type { HostTokenEnder } from "../runners/host-token-ender.ts";
import { groupMemberships, groups, users } from "../schema.ts";
import { departure } from "./departure.ts";
import { settingsEnder } from "./preferences.ts";

export function userStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  newId: IdSource,
  hostTokens: HostTokenEnder,
): UserStore {
  const isTheUser = eq(users.id, sql.placeholder("id"));
  const listRows = keysetList(connection, users, users.organizationId);
  const select = connection.select().from(users).where(isTheUser).prepare();
  const insert = connection.insert(users).values(columnPlaceholders(users)).prepare();
  const setStatus = connection
    .update(users)
    .set({ status: sql`${sql.placeholder("status")}` })
    .where(isTheUser)
    .prepare();
  const selectGroup = connection
    .select({ id: groups.id })
    .from(groups)
    .where(
      and(
        eq(groups.organizationId, sql.placeholder("organizationId")),
        eq(groups.name, sql.placeholder("name")),
        eq(groups.systemManaged, true),
      ),
    )
    .prepare();
  const insertMember = memberWriter(connection);
  const depart = departure(connection, newId, ResourceType.USER, "USER_LEFT", hostTokens);
  const forgetSettings = settingsEnder(connection);
  const selectAdmins = connection
    .select({ id: users.id, status: users.status })
    .from(groupMemberships)
    .innerJoin(groups, eq(groups.id, groupMemberships.groupId))
    .innerJoin(users, eq(users.id, groupMemberships.subjectId))
    .where(
      and(
        eq(groupMemberships.organizationId, sql.placeholder("organizationId")),
        eq(groups.name, "org-admins" satisfies SystemGroup),
        eq(groups.systemManaged, true),
      ),
    )
    .prepare();

  function join(user: User, name: SystemGroup): void {
    const group = selectGroup.get({ organizationId: user.organizationId, name });
    if (group === undefined) throw new Error(`organization ${user.organizationId} has no group ${name}`);
    const { organizationId, createdAt } = user;
    const subject = { id: user.id, principal: Principal.USER };
    insertMember({ id: newId(), organizationId, groupId: group.id, subject, createdAt });
  }

  function written(
    grant: Pick<OperatorGrant, "by">,
    user: User,
    action: string,
    operation: ResourceOperation,
    now: number,
  ) {
    const { id, organizationId } = user;
    const subject = { subjectType: ResourceType.USER, subjectId: id };
    auditOperator(journal, grant, { organizationId, action, ...subject, now });
    const resource = { resourceType: ResourceType.USER, resourceId: id, creatorId: grant.by.actor.id };
    journal.event({ organizationId, operation, ...resource, now });
  }

  /** The user, unless it has left. */
  function there(id: string): User | null {
    const user = select.get({ id });
    return user === undefined || user.status === UserStatus.LEFT ? null : user;
  }

  /** Refuses what left an organisation without an active admin, when the user is one of them. */
  function keepAnAdmin({ id, organizationId }: User): void {
    const admins = selectAdmins.all({ organizationId });
    if (!admins.some((admin) => admin.id === id)) return;
    refuseWithoutAdmin(admins.filter((admin) => admin.status === UserStatus.ACTIVE).length);
  }

  return {
    async get(organizationId, id) {
      const user = select.get({ id });
      return user?.organizationId === organizationId ? user : null;
    },
    async find(_grant, id) {
      return select.get({ id }) ?? null;
    },
    async list(_grant, organizationId, page) {
      return listRows(organizationId, page);
    },
    create: (grant, user, admin) =>
      commits.run(() => {
        try {
          insert.run({ ...user });
        } catch (error) {
          if (isForeignKeyViolation(error)) throw organizationNotFound();
          if (!isUniqueViolation(error)) throw error;
          throw new DomainError("already_exists", "another user of the organization has this email", {
            reason: "EMAIL_TAKEN",
          });
        }
        join(user, "org-members");
        if (admin) join(user, "org-admins");
        written(grant, user, "user.create", ResourceOperation.CREATE, user.createdAt);
      }),
    setStatus: (authorized, status, now) =>
      commits.run(() => {
        const user = there(authorized.id);
        if (user === null || user.status === status) return user;
        setStatus.run({ id: user.id, status });
        keepAnAdmin(user);
        const action = status === UserStatus.ACTIVE ? "user.resume" : "user.suspend";
        written(authorized, user, action, ResourceOperation.UPDATE, now);
        return { ...user, status };
      }),
    remove: (authorized, now) =>
      commits.run(() => {
        const user = there(authorized.id);
        if (user === null) return false;
        setStatus.run({ id: user.id, status: UserStatus.LEFT });
        keepAnAdmin(user);
        depart(user, authorized.by, now);
        forgetSettings(user.id);
        written(authorized, user, "user.delete", ResourceOperation.DELETE, now);
        return true;
      }),
  };
}
