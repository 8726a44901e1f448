import { eq, sql } from "drizzle-orm";
import { ResourceType } from "../../../domain/access/resources.ts";
import { organizationNotFound } from "../../../domain/organizations/organization.ts";
import { runnerManagerInUse } from "../../../domain/runner-managers/runner-manager.ts";
import type { RunnerManagerStore } from "../../operator-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import { isForeignKeyViolation } from "../engine/failures.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders, keysetList } from "../engine/statements.ts";
import type { Journal } from "../journal/journal.ts";
import { auditOperator } from "../journal/operator-journal.ts";
import { runnerManagers } from "../schema.ts";

/** The contract has no type for runner managers; the action names them. */
const subjectType = ResourceType.UNSPECIFIED;

export function runnerManagerStore(
  connection: Connection,
  commits: Commits,
  journal: Journal,
): RunnerManagerStore {
  const isTheManager = eq(runnerManagers.id, sql.placeholder("id"));
  const listRows = keysetList(connection, runnerManagers, runnerManagers.organizationId);
  const insert = connection.insert(runnerManagers).values(columnPlaceholders(runnerManagers)).prepare();
  const select = connection.select().from(runnerManagers).where(isTheManager).prepare();
  const remove = connection.delete(runnerManagers).where(isTheManager).prepare();
  return {
    async list(_grant, organizationId, page) {
      return listRows(organizationId, page);
    },
    create: (grant, manager) =>
      commits.run(() => {
        try {
          insert.run({ ...manager });
        } catch (error) {
          throw isForeignKeyViolation(error) ? organizationNotFound() : error;
        }
        const { id: subjectId, organizationId, createdAt: now } = manager;
        const action = "runner_manager.create";
        auditOperator(journal, grant, { organizationId, action, subjectType, subjectId, now });
      }),
    remove: (grant, id, now) =>
      commits.run(() => {
        const manager = select.get({ id });
        if (manager === undefined) return false;
        try {
          remove.run({ id });
        } catch (error) {
          throw isForeignKeyViolation(error) ? runnerManagerInUse() : error;
        }
        const { organizationId } = manager;
        const action = "runner_manager.delete";
        auditOperator(journal, grant, { organizationId, action, subjectType, subjectId: id, now });
        return true;
      }),
  };
}
