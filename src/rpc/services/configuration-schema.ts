import type { ServiceImpl } from "@connectrpc/connect";
import type { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { schemaMessage } from "../messages/configuration-schema.ts";
import { readableRunner } from "./runner-access.ts";

type SchemaMethods = "getRunnerConfigurationSchema";

/** The part of `gitpod.v1.RunnerConfigurationService` about what can be configured at all. */
export function configurationSchemas({
  store,
}: {
  readonly store: Store;
}): Pick<ServiceImpl<typeof RunnerConfigurationService>, SchemaMethods> {
  return {
    async getRunnerConfigurationSchema(request, context) {
      const { organizationId, id } = await readableRunner(store, callerOf(context), request.runnerId);
      return { schema: schemaMessage(await store.runners.configurationSchema(organizationId, id)) };
    },
  };
}
