import type { ServiceImpl } from "@connectrpc/connect";
import type { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { type RunnerAction, runnerScope } from "../../domain/access/runners.ts";
import {
  draftScmIntegration,
  scmIntegrationNotFound,
} from "../../domain/scm-integrations/scm-integration.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import {
  scmIntegrationChange,
  scmIntegrationMessage,
  scmIntegrationRequest,
} from "../messages/scm-integration.ts";
import { sealForRunner } from "../messages/sealed.ts";
import { configured, readsSecretsOf, schemaInForce } from "./configuration-access.ts";
import { pageOf } from "./paging.ts";
import { authorizedRunner } from "./runner-access.ts";

type ScmMethods =
  | "createSCMIntegration"
  | "getSCMIntegration"
  | "listSCMIntegrations"
  | "updateSCMIntegration"
  | "deleteSCMIntegration";

interface Deps {
  readonly store: Store;
  readonly registry: Pick<RunnerRegistry, "configurationChanged">;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** The part of `gitpod.v1.RunnerConfigurationService` about connections to source-code hosts. */
export function scmIntegrations({
  store,
  registry,
  clock,
  newId,
}: Deps): Pick<ServiceImpl<typeof RunnerConfigurationService>, ScmMethods> {
  async function existing<A extends RunnerAction>(caller: Caller, action: A, sent: string) {
    const found = await store.scmIntegrations.get(caller.organizationId, sent.toLowerCase());
    return configured(store, caller, action, found, scmIntegrationNotFound);
  }

  return {
    async createSCMIntegration(request, context) {
      const runner = await authorizedRunner(store, callerOf(context), "configure", request.runnerId);
      const { id: runnerId, organizationId } = runner;
      const { scm } = await schemaInForce(store, runner);
      const made = draftScmIntegration(
        scmIntegrationRequest(request),
        { id: newId(), organizationId, runnerId, now: clock.now() },
        {
          knownScmIds: scm.map(({ id }) => id),
          seal: (secret) => sealForRunner(runner.report.publicKey, secret),
        },
      );
      await store.scmIntegrations.create(runner, made);
      await registry.configurationChanged(runner);
      return { id: made.id };
    },

    async getSCMIntegration(request, context) {
      const caller = callerOf(context);
      const { thing, role } = await existing(caller, "read", request.id);
      return { integration: scmIntegrationMessage(thing, role === "admin" || isRunner(caller)) };
    },

    async listSCMIntegrations(request, context) {
      const caller = callerOf(context);
      const runnerIds = (request.filter?.runnerIds ?? []).map((id) => id.toLowerCase());
      const list = `gitpod.v1.RunnerConfigurationService/ListSCMIntegrations ${JSON.stringify(runnerIds)}`;
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.scmIntegrations.list(runnerScope(caller), runnerIds, page),
      );
      const readable = await readsSecretsOf(store, caller, rows);
      const integrations = rows.map((row) => scmIntegrationMessage(row, readable.has(row.runnerId)));
      return { integrations, pagination };
    },

    async updateSCMIntegration(request, context) {
      const { thing, runner } = await existing(callerOf(context), "configure", request.id);
      const change = scmIntegrationChange(request, (secret) =>
        sealForRunner(runner.report.publicKey, secret),
      );
      if (!(await store.scmIntegrations.update(runner, thing.id, change, clock.now()))) {
        throw scmIntegrationNotFound();
      }
      await registry.configurationChanged(runner);
      return {};
    },

    async deleteSCMIntegration(request, context) {
      const { thing, runner } = await existing(callerOf(context), "configure", request.id);
      if (!(await store.scmIntegrations.remove(runner, thing.id, clock.now())))
        throw scmIntegrationNotFound();
      await registry.configurationChanged(runner);
      return {};
    },
  };
}
