import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type {
  RunnerConfigurationService,
  ValidateRunnerConfigurationRequest_ValidateSCMIntegration,
  ValidateRunnerConfigurationResponse,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import type { Authorized } from "../../domain/access/runners.ts";
import { isValidClass, judgeClass } from "../../domain/configuration-schema/class-verdict.ts";
import { isValidScm, judgeScm } from "../../domain/configuration-schema/scm-verdict.ts";
import { invalidField } from "../../domain/errors.ts";
import { scmIntegrationNotFound } from "../../domain/scm-integrations/scm-integration.ts";
import { boundedTester } from "../../lib/bounded-regexp.ts";
import { callerOf } from "../call/context.ts";
import { schemaMessage } from "../messages/configuration-schema.ts";
import {
  checkedClass,
  checkedScm,
  classVerdict,
  scmQuestion,
  scmVerdict,
} from "../messages/configuration-verdict.ts";
import { sealForRunner } from "../messages/sealed.ts";
import { schemaInForce } from "./configuration-access.ts";
import { liveVerdict } from "./live-verdict.ts";
import { authorizedRunner, readableRunner } from "./runner-access.ts";
import type { AskerDeps } from "./source-code-hosts.ts";

type SchemaMethods = "getRunnerConfigurationSchema" | "validateRunnerConfiguration";

/** The part of `gitpod.v1.RunnerConfigurationService` about what can be configured, and whether it is right. */
export function configurationSchemas(
  deps: AskerDeps,
): Pick<ServiceImpl<typeof RunnerConfigurationService>, SchemaMethods> {
  const { store } = deps;
  const askRunner = liveVerdict(deps);

  async function validateScm(
    context: HandlerContext,
    runner: Authorized<"configure">,
    sent: ValidateRunnerConfigurationRequest_ValidateSCMIntegration,
  ): Promise<ValidateRunnerConfigurationResponse> {
    const stored =
      sent.id === "" ? null : await store.scmIntegrations.get(runner.organizationId, sent.id.toLowerCase());
    if (sent.id !== "" && stored?.runnerId !== runner.id) throw scmIntegrationNotFound();
    const { verdict, secret } = judgeScm(checkedScm(sent), {
      stored,
      runner,
      schema: await schemaInForce(store, runner),
      seal: (text) => sealForRunner(runner.report.publicKey, text),
    });
    const answer = scmVerdict(verdict);
    if (!isValidScm(verdict)) return answer;
    return (await askRunner(runner, scmQuestion(runner.id, sent, secret), context)) ?? answer;
  }

  return {
    async getRunnerConfigurationSchema(request, context) {
      const { organizationId, id } = await readableRunner(store, callerOf(context), request.runnerId);
      return { schema: schemaMessage(await store.runners.configurationSchema(organizationId, id)) };
    },

    async validateRunnerConfiguration(request, context) {
      checkRunnerId(request.runnerId);
      const runner = await authorizedRunner(store, callerOf(context), "configure", request.runnerId);
      const { config } = request;
      switch (config.case) {
        case "environmentClass": {
          const schema = await schemaInForce(store, runner);
          const verdict = judgeClass(checkedClass(config.value), schema, boundedTester());
          const answer = classVerdict(verdict);
          if (!isValidClass(verdict)) return answer;
          return (await askRunner(runner, request, context)) ?? answer;
        }
        case "scmIntegration":
          return validateScm(context, runner, config.value);
        default:
          throw invalidField(
            "config",
            "validate.config.required",
            "must be environment_class or scm_integration",
          );
      }
    },
  };
}

/** The contract leaves the rules of this request to its handler. */
function checkRunnerId(runnerId: string): void {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(runnerId)) return;
  throw invalidField("runner_id", "string.uuid", "must be a valid UUID");
}
