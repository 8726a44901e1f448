import { and, count, desc, eq, lt, ne, sql } from "drizzle-orm";
import { AuditKind, ResourceType } from "../../../domain/access/resources.ts";
import { type OwnSettings, refuseMorePreferences } from "../../../domain/users/preference.ts";
import { userNotFound } from "../../../domain/users/rights.ts";
import { UserStatus } from "../../../domain/users/user.ts";
import type { PreferenceStore } from "../../preference-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { userDotfiles, userPreferences, users } from "../schema.ts";

/** Sorts after every UUID. */
const beyondAllIds = "~";

const columns = {
  id: userPreferences.id,
  key: userPreferences.key,
  value: userPreferences.value,
  createdAt: userPreferences.createdAt,
  updatedAt: userPreferences.updatedAt,
};

export function preferenceStore(connection: Connection, commits: Commits, journal: Journal): PreferenceStore {
  const ofUser = eq(userPreferences.userId, sql.placeholder("userId"));
  const hasId = and(ofUser, eq(userPreferences.id, sql.placeholder("id")));
  const hasKey = and(ofUser, eq(userPreferences.key, sql.placeholder("key")));
  const selectById = connection.select(columns).from(userPreferences).where(hasId).prepare();
  const selectByKey = connection.select(columns).from(userPreferences).where(hasKey).prepare();
  const listRows = connection
    .select(columns)
    .from(userPreferences)
    .where(and(ofUser, lt(userPreferences.id, sql.placeholder("after"))))
    .orderBy(desc(userPreferences.id))
    .limit(sql.placeholder("limit"))
    .prepare();
  const countHeld = connection.select({ held: count() }).from(userPreferences).where(ofUser).prepare();
  const insert = connection.insert(userPreferences).values(columnPlaceholders(userPreferences)).prepare();
  const change = connection
    .update(userPreferences)
    .set({ value: sql`${sql.placeholder("value")}`, updatedAt: sql`${sql.placeholder("now")}` })
    .where(hasKey)
    .prepare();
  const remove = connection.delete(userPreferences).where(hasId).prepare();
  const isOwner = eq(userDotfiles.userId, sql.placeholder("userId"));
  const selectDotfiles = connection
    .select({ repository: userDotfiles.repository })
    .from(userDotfiles)
    .where(isOwner)
    .prepare();
  const insertDotfiles = connection.insert(userDotfiles).values(columnPlaceholders(userDotfiles)).prepare();
  const removeDotfiles = connection.delete(userDotfiles).where(isOwner).prepare();
  const selectUser = connection
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, sql.placeholder("userId")), ne(users.status, UserStatus.LEFT)))
    .prepare();

  const userIdOf = ({ by }: OwnSettings) => by.actor.id;

  function written({ by }: OwnSettings, verb: string, now: number): void {
    const subject = { subjectType: ResourceType.USER, subjectId: by.actor.id };
    journal.audit({ by, now, action: `user.${verb}`, ...subject, kind: AuditKind.RESOURCE_CHANGE });
  }

  function refuseLeft(userId: string): void {
    if (selectUser.get({ userId }) === undefined) throw userNotFound();
  }

  return {
    async get(owner, name) {
      const userId = userIdOf(owner);
      const row = "id" in name ? selectById.get({ userId, ...name }) : selectByKey.get({ userId, ...name });
      return row ?? null;
    },
    async list(owner, { limit, after }) {
      const userId = userIdOf(owner);
      const found = listRows.all({ userId, after: after ?? beyondAllIds, limit: limit + 1 });
      return { rows: found.slice(0, limit), more: found.length > limit };
    },
    set: (owner, { id, key, value }, now) =>
      commits.run(() => {
        const userId = userIdOf(owner);
        refuseLeft(userId);
        if (change.run({ userId, key, value, now }).changes === 0) {
          refuseMorePreferences(countHeld.get({ userId })?.held ?? 0);
          const { organizationId } = owner.by;
          insert.run({ id, organizationId, userId, key, value, createdAt: now, updatedAt: now });
        }
        written(owner, "set_preference", now);
      }),
    remove: (owner, id, now) =>
      commits.run(() => {
        if (remove.run({ userId: userIdOf(owner), id }).changes === 0) return false;
        written(owner, "delete_preference", now);
        return true;
      }),
    async dotfiles(owner) {
      return selectDotfiles.get({ userId: userIdOf(owner) })?.repository ?? "";
    },
    setDotfiles: (owner, repository, now) =>
      commits.run(() => {
        const userId = userIdOf(owner);
        refuseLeft(userId);
        removeDotfiles.run({ userId });
        const { organizationId } = owner.by;
        if (repository !== "") insertDotfiles.run({ userId, organizationId, repository });
        written(owner, "set_dotfiles", now);
      }),
  };
}

/** Forgets what is kept for a user who goes away; usable inside a transaction. */
export function settingsEnder(connection: Connection): (userId: string) => void {
  const userId = sql.placeholder("userId");
  const removePreferences = connection
    .delete(userPreferences)
    .where(eq(userPreferences.userId, userId))
    .prepare();
  const removeDotfiles = connection.delete(userDotfiles).where(eq(userDotfiles.userId, userId)).prepare();
  return (id) => {
    removePreferences.run({ userId: id });
    removeDotfiles.run({ userId: id });
  };
}
