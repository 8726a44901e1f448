import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GetRunnerConfigurationResponseSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import type { RunnerScope } from "../../domain/access/runners.ts";
import { RefusalReason, refusalError } from "../../domain/leases/refusal.ts";
import { largestPage, type Page } from "../../domain/paging/cursor.ts";
import type { RunnerIdentity } from "../../fleet/known-runners.ts";
import type { Rows, Store } from "../../store/store.ts";
import { environmentClassMessage } from "../messages/environment-class.ts";
import { llmIntegrationMessage } from "../messages/llm-integration.ts";
import { scmIntegrationMessage } from "../messages/scm-integration.ts";

/**
 * What is set up on a runner, for the runner.
 * @throws DomainError when the runner is gone
 */
export async function runnerConfiguration(
  store: Store,
  { id, organizationId }: RunnerIdentity,
): Promise<MessageInitShape<typeof GetRunnerConfigurationResponseSchema>> {
  const scope: RunnerScope = { organizationId, onlyId: id, visibleTo: null };
  const any = { runnerIds: [id], enabled: null, kinds: [], providers: [] };
  // Read first: what changes meanwhile brings another revision, and the runner asks again.
  const runner = await store.runners.get(organizationId, id);
  if (runner === null) throw refusalError(RefusalReason.RUNNER_DELETED);
  const classes = await whole((page) => store.environmentClasses.list(scope, any, page));
  const integrations = await whole((page) => store.scmIntegrations.list(scope, [id], page));
  const models = await whole((page) => store.llmIntegrations.list(scope, [id], page));
  return {
    revision: runner.configurationRevision,
    environmentClasses: classes.map(environmentClassMessage),
    scmIntegrations: integrations.map((integration) => scmIntegrationMessage(integration, true)),
    llmIntegrations: models.map((integration) => llmIntegrationMessage(integration, { secrets: true })),
  };
}

/** All pages of a list; quotas bound how many there can be. */
async function whole<T extends { readonly id: string }>(
  read: (page: Page) => Promise<Rows<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  for (let more = true; more; ) {
    const found = await read({ limit: largestPage, after: all.at(-1)?.id ?? null });
    all.push(...found.rows);
    more = found.more;
  }
  return all;
}
