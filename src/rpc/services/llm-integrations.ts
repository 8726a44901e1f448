import type { ServiceImpl } from "@connectrpc/connect";
import type { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { type RunnerAction, runnerScope } from "../../domain/access/runners.ts";
import {
  draftLlmIntegration,
  llmIntegrationNotFound,
} from "../../domain/llm-integrations/llm-integration.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import {
  llmIntegrationChange,
  llmIntegrationMessage,
  sealedApiKey,
  tokenCount,
} from "../messages/llm-integration.ts";
import { configured, readsSecretsOf } from "./configuration-access.ts";
import { pageOf } from "./paging.ts";
import { authorizedRunner } from "./runner-access.ts";

type LlmMethods =
  | "createLLMIntegration"
  | "getLLMIntegration"
  | "listLLMIntegrations"
  | "updateLLMIntegration"
  | "deleteLLMIntegration";

interface Deps {
  readonly store: Store;
  readonly registry: Pick<RunnerRegistry, "configurationChanged">;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** The part of `gitpod.v1.RunnerConfigurationService` about providers of language models. */
export function llmIntegrations({
  store,
  registry,
  clock,
  newId,
}: Deps): Pick<ServiceImpl<typeof RunnerConfigurationService>, LlmMethods> {
  async function existing<A extends RunnerAction>(caller: Caller, action: A, sent: string) {
    const found = await store.llmIntegrations.get(caller.organizationId, sent.toLowerCase());
    return configured(store, caller, action, found, llmIntegrationNotFound);
  }

  return {
    async createLLMIntegration(request, context) {
      const runner = await authorizedRunner(store, callerOf(context), "configure", request.runnerId);
      const { models, endpoint } = request;
      const made = draftLlmIntegration(
        runner,
        { models, endpoint, maxTokens: tokenCount(request.maxTokens) },
        sealedApiKey(request.apiKey, runner),
        { id: newId(), now: clock.now() },
      );
      await store.llmIntegrations.create(runner, made);
      await registry.configurationChanged(runner);
      return { id: made.id };
    },

    async getLLMIntegration(request, context) {
      const caller = callerOf(context);
      const { thing, role } = await existing(caller, "read", request.id);
      return { integration: llmIntegrationMessage(thing, { secrets: role === "admin" || isRunner(caller) }) };
    },

    async listLLMIntegrations(request, context) {
      const caller = callerOf(context);
      const runnerIds = (request.filter?.runnerIds ?? []).map((id) => id.toLowerCase());
      const list = `gitpod.v1.RunnerConfigurationService/ListLLMIntegrations ${JSON.stringify(runnerIds)}`;
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.llmIntegrations.list(runnerScope(caller), runnerIds, page),
      );
      const readable = await readsSecretsOf(store, caller, rows);
      const integrations = rows.map((row) =>
        llmIntegrationMessage(row, { secrets: readable.has(row.runnerId) }),
      );
      return { integrations, pagination };
    },

    async updateLLMIntegration(request, context) {
      const { thing, runner } = await existing(callerOf(context), "configure", request.id);
      const change = llmIntegrationChange(request, runner);
      if (!(await store.llmIntegrations.update(runner, thing.id, change, clock.now()))) {
        throw llmIntegrationNotFound();
      }
      await registry.configurationChanged(runner);
      return {};
    },

    // Agents that would need its models are not here, so that nothing has to be forced.
    async deleteLLMIntegration(request, context) {
      const { thing, runner } = await existing(callerOf(context), "configure", request.id);
      if (!(await store.llmIntegrations.remove(runner, thing.id, clock.now())))
        throw llmIntegrationNotFound();
      await registry.configurationChanged(runner);
      return {};
    },
  };
}
