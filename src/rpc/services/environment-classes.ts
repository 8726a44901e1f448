import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type {
  ListEnvironmentClassesRequest,
  RunnerConfigurationService,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { type RunnerAction, runnerScope } from "../../domain/access/runners.ts";
import { refuseUnknownSettings } from "../../domain/configuration-schema/schema.ts";
import {
  draftEnvironmentClass,
  environmentClassNotFound,
} from "../../domain/environment-classes/environment-class.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { environmentClassFilter, environmentClassMessage } from "../messages/environment-class.ts";
import { present } from "../messages/present.ts";
import { configured, schemaInForce } from "./configuration-access.ts";
import { pageOf } from "./paging.ts";
import { authorizedRunner } from "./runner-access.ts";

type ClassMethods =
  | "createEnvironmentClass"
  | "getEnvironmentClass"
  | "listEnvironmentClasses"
  | "updateEnvironmentClass";

interface Deps {
  readonly store: Store;
  readonly registry: Pick<RunnerRegistry, "configurationChanged">;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/**
 * The part of `gitpod.v1.RunnerConfigurationService` about environment classes; `gitpod.v1.EnvironmentService` lists them
 * with the same messages.
 */
export function environmentClasses({
  store,
  registry,
  clock,
  newId,
}: Deps): Pick<ServiceImpl<typeof RunnerConfigurationService>, ClassMethods> {
  async function existing<A extends RunnerAction>(caller: Caller, action: A, sent: string) {
    const found = await store.environmentClasses.get(caller.organizationId, sent.toLowerCase());
    return configured(store, caller, action, found, environmentClassNotFound);
  }

  return {
    async createEnvironmentClass(request, context) {
      const runner = await authorizedRunner(store, callerOf(context), "configure", request.runnerId);
      const { displayName, description } = request;
      const configuration = request.configuration.map(({ key, value }) => ({ key, value }));
      const made = draftEnvironmentClass(
        runner,
        { displayName, description, configuration },
        { id: newId(), now: clock.now() },
      );
      refuseUnknownSettings(await schemaInForce(store, runner), configuration);
      await store.environmentClasses.create(runner, made);
      await registry.configurationChanged(runner);
      return { id: made.id };
    },

    async getEnvironmentClass(request, context) {
      const { thing } = await existing(callerOf(context), "read", request.environmentClassId);
      return { environmentClass: environmentClassMessage(thing) };
    },

    async listEnvironmentClasses(request: ListEnvironmentClassesRequest, context: HandlerContext) {
      const caller = callerOf(context);
      const filter = environmentClassFilter(request);
      const usable = request.filter?.canCreateEnvironments;
      const list = `gitpod.v1.RunnerConfigurationService/ListEnvironmentClasses ${JSON.stringify({ ...filter, usable })}`;
      const { rows, pagination } = await pageOf(request.pagination, list, async (page) =>
        // Whoever sees a runner may use it, but for the runner itself.
        usable === isRunner(caller)
          ? { rows: [], more: false }
          : store.environmentClasses.list(runnerScope(caller), filter, page),
      );
      return { environmentClasses: rows.map(environmentClassMessage), pagination };
    },

    async updateEnvironmentClass(request, context) {
      const { thing, runner } = await existing(callerOf(context), "configure", request.environmentClassId);
      const { displayName, description, enabled } = request;
      const change = present({ displayName, description, enabled });
      if (!(await store.environmentClasses.update(runner, thing.id, change, clock.now()))) {
        throw environmentClassNotFound();
      }
      await registry.configurationChanged(runner);
      return {};
    },
  };
}
