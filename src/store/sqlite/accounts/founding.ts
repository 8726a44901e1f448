import { eq, sql } from "drizzle-orm";
import { AuditKind, ResourceType } from "../../../domain/access/resources.ts";
import type { Runner } from "../../../domain/runners/runner.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { Founding, FoundingStore } from "../../store.ts";
import { systemGroupWriter } from "../access/system-groups.ts";
import { accessTokenRow } from "../access/token-rows.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import type { Journal } from "../journal/journal.ts";
import { tokenJournal } from "../journal/token-journal.ts";
import { accessTokens, organizations, users } from "../schema.ts";

export function foundingStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  addRunner: (runner: Runner) => void,
  newId: IdSource,
): FoundingStore {
  const insertFounding = foundingWriter(connection, addRunner, newId);
  const tokens = tokenJournal(journal);
  return {
    async first() {
      const row = connection
        .select({ organization: organizations, admin: users })
        .from(users)
        .innerJoin(organizations, eq(organizations.id, users.organizationId))
        // In the order of writing, which VACUUM keeps. Ids follow the wall clock, which may have been ahead at first.
        .orderBy(sql`${users}.rowid`)
        .limit(1)
        .get();
      return row ?? null;
    },
    found: (founding) =>
      commits.run(() => {
        insertFounding(founding);
        const { by } = founding.token;
        const now = founding.organization.createdAt;
        for (const act of foundingActs(founding)) {
          journal.audit({ ...act, by, now, kind: AuditKind.RESOURCE_CHANGE });
        }
        tokens.minted(by, founding.token, now);
      }),
  };
}

/** Writes a whole new organisation; runs inside a transaction. The first start and operators make them alike. */
export function foundingWriter(
  connection: Connection,
  addRunner: (runner: Runner) => void,
  newId: IdSource,
): (founding: Founding) => void {
  const insertGroups = systemGroupWriter(connection, newId);
  return (founding) => {
    const { organization, admin, token, localConfiguration } = founding;
    connection.insert(organizations).values(organization).run();
    connection.insert(users).values(admin).run();
    insertGroups(founding);
    connection.insert(accessTokens).values(accessTokenRow(token)).run();
    addRunner(localConfiguration);
  };
}

/** What the founding of an organisation did, for its audit log, but for the token. */
export function foundingActs({ organization, admin }: Founding) {
  return [
    {
      action: "organization.create",
      subjectType: ResourceType.ORGANIZATION,
      subjectId: organization.id,
    },
    { action: "user.create", subjectType: ResourceType.USER, subjectId: admin.id },
  ] as const;
}
