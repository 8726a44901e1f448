import { eq, sql } from "drizzle-orm";
import { ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import type { Runner } from "../../../domain/runners/runner.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { OrganizationStore } from "../../operator-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import { keysetList } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { auditOperator } from "../journal/operator-journal.ts";
import { tokenJournal } from "../journal/token-journal.ts";
import { organizations } from "../schema.ts";
import { foundingActs, foundingWriter } from "./founding.ts";

export function organizationStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
  addRunner: (runner: Runner) => void,
  newId: IdSource,
): OrganizationStore {
  const tokens = tokenJournal(journal);
  const listRows = keysetList(connection, organizations, null);
  const insertFounding = foundingWriter(connection, addRunner, newId);
  const select = connection
    .select()
    .from(organizations)
    .where(eq(organizations.id, sql.placeholder("id")))
    .prepare();
  return {
    async get(_grant, id) {
      return select.get({ id }) ?? null;
    },
    async list(_grant, page) {
      return listRows(null, page);
    },
    create: (grant, founding) =>
      commits.run(() => {
        insertFounding(founding);
        const { id: organizationId, createdAt: now } = founding.organization;
        for (const act of foundingActs(founding))
          auditOperator(journal, grant, { ...act, organizationId, now });
        tokens.minted(founding.token.by, founding.token, now);
        journal.event({
          organizationId,
          operation: ResourceOperation.CREATE,
          resourceType: ResourceType.ORGANIZATION,
          resourceId: organizationId,
          creatorId: grant.by.actor.id,
          now,
        });
      }),
  };
}
