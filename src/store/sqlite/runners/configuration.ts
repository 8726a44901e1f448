import { and, eq, sql } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { runnerNotFound } from "../../../domain/access/runners.ts";
import type { Runner } from "../../../domain/runners/runner.ts";
import { refuseDeleting } from "../../../domain/runners/update.ts";
import type { RunnerCodecs } from "../../store.ts";
import type { Connection } from "../engine/open.ts";
import type { Journal } from "../journal/journal.ts";
import { runners } from "../schema.ts";
import { runnerRows } from "./runner-rows.ts";

/** What is set up on runners, and how the audit log calls it. */
const things = {
  [ResourceType.ENVIRONMENT_CLASS]: "environment_class",
  [ResourceType.RUNNER_SCM_INTEGRATION]: "scm_integration",
  [ResourceType.RUNNER_LLM_INTEGRATION]: "llm_integration",
  [ResourceType.HOST_AUTHENTICATION_TOKEN]: "host_authentication_token",
} as const;

const operations = {
  create: ResourceOperation.CREATE,
  update: ResourceOperation.UPDATE,
  delete: ResourceOperation.DELETE,
} as const;

/** One change of something that is set up on a runner. */
export interface ConfigurationEntry {
  readonly resourceType: keyof typeof things;
  readonly resourceId: string;
  readonly verb: keyof typeof operations;
  /** Whose it is, when it is not of whoever registered the runner. */
  readonly ownerId?: string;
}

/** The part that all changes of what is set up on runners have in common; usable inside a transaction. */
export interface ConfigurationLog {
  /**
   * The runner as it is now.
   * @throws DomainError `not_found` when it is gone, `failed_precondition` when it is being deleted
   */
  runner(of: Pick<Runner, "id" | "organizationId">): Runner;
  /** Writes down who did it, and tells whoever may see it. */
  written(
    runner: Pick<Runner, "id" | "organizationId" | "creator">,
    by: Attribution,
    entry: ConfigurationEntry,
    now: number,
  ): void;
  /** Writes down that the runner got a credential of somebody. */
  handedOver(by: Attribution, tokenId: string, now: number): void;
  /** Tells whoever may see it of what its runner says of it; that is no change of anybody's. */
  statusChanged(
    runner: Pick<Runner, "id" | "organizationId" | "creator">,
    entry: Pick<ConfigurationEntry, "resourceType" | "resourceId">,
    now: number,
  ): void;
  /** Counts a change of what the runner has to know. */
  countRevision(runner: Pick<Runner, "id">): void;
}

export function configurationLog(
  connection: Connection,
  journal: Journal,
  codecs: RunnerCodecs,
): ConfigurationLog {
  const { fromRow } = runnerRows(codecs);
  const isTheRunner = eq(runners.id, sql.placeholder("id"));
  const select = connection
    .select()
    .from(runners)
    .where(and(isTheRunner, eq(runners.organizationId, sql.placeholder("organizationId"))))
    .prepare();
  const count = connection
    .update(runners)
    .set({ configurationRevision: sql`${runners.configurationRevision} + 1` })
    .where(isTheRunner)
    .prepare();
  return {
    runner({ id, organizationId }) {
      const row = select.get({ id, organizationId });
      if (row === undefined) throw runnerNotFound();
      const runner = fromRow(row);
      refuseDeleting(runner);
      return runner;
    },
    written(runner, by, { resourceType, resourceId, verb, ownerId }, now) {
      const isCredential = resourceType === ResourceType.HOST_AUTHENTICATION_TOKEN;
      journal.audit({
        by,
        now,
        action: `${things[resourceType]}.${verb}`,
        subjectType: resourceType,
        subjectId: resourceId,
        kind: isCredential ? AuditKind.CREDENTIAL_ACCESS : AuditKind.RESOURCE_CHANGE,
      });
      const { organizationId, creator } = runner;
      const resource = { resourceType, resourceId, organizationId, creatorId: ownerId ?? creator.id };
      journal.event({ ...resource, operation: operations[verb], runner, now });
    },
    handedOver(by, subjectId, now) {
      const subjectType = ResourceType.HOST_AUTHENTICATION_TOKEN;
      const action = `${things[subjectType]}.hand_over`;
      journal.audit({ by, now, action, subjectType, subjectId, kind: AuditKind.CREDENTIAL_ACCESS });
    },
    statusChanged(runner, resource, now) {
      const { organizationId, creator } = runner;
      const operation = ResourceOperation.UPDATE_STATUS;
      journal.event({ ...resource, organizationId, creatorId: creator.id, operation, runner, now });
    },
    countRevision: ({ id }) => void count.run({ id }),
  };
}
