import { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { RunnerConfigurationService } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  environmentClass,
  hostToken,
  models,
  newHost,
  newHostToken,
  newLlmIntegration,
  newScmIntegration,
  sized,
} from "../../access/configuration.ts";
import { act, audit } from "./cases.ts";

const onClass = (verb: string, id: string | undefined) =>
  act(`environment_class.${verb}`, ResourceType.ENVIRONMENT_CLASS, id);
const onIntegration = (verb: string, id: string | undefined) =>
  act(`scm_integration.${verb}`, ResourceType.RUNNER_SCM_INTEGRATION, id);
const onLlm = (verb: string, id: string | undefined) =>
  act(`llm_integration.${verb}`, ResourceType.RUNNER_LLM_INTEGRATION, id);
const onToken = (verb: string, id: string | undefined) =>
  act(`host_authentication_token.${verb}`, ResourceType.HOST_AUTHENTICATION_TOKEN, id);

const configuration = RunnerConfigurationService.method;
audit(configuration.createEnvironmentClass, ({ runnerId }) => ({
  request: { runnerId, ...sized },
  acts: ({ id }) => [onClass("create", id)],
}));
audit(configuration.updateEnvironmentClass, async (world) => {
  const environmentClassId = await environmentClass(world);
  return {
    request: { environmentClassId, displayName: "Small" },
    acts: () => [onClass("update", environmentClassId)],
  };
});
audit(configuration.createSCMIntegration, ({ runnerId }) => ({
  request: { runnerId, scmId: "github", host: newHost(), pat: true },
  acts: ({ id }) => [onIntegration("create", id)],
}));
audit(configuration.updateSCMIntegration, async (world) => {
  const id = await newScmIntegration(world);
  return { request: { id, pat: false }, acts: () => [onIntegration("update", id)] };
});
audit(configuration.deleteSCMIntegration, async (world) => {
  const id = await newScmIntegration(world);
  return { request: { id }, acts: () => [onIntegration("delete", id)] };
});
audit(configuration.createLLMIntegration, ({ runnerId }) => ({
  request: { runnerId, models },
  acts: ({ id }) => [onLlm("create", id)],
}));
audit(configuration.updateLLMIntegration, async (world) => {
  const id = await newLlmIntegration(world);
  return { request: { id, maxTokens: 7n }, acts: () => [onLlm("update", id)] };
});
audit(configuration.deleteLLMIntegration, async (world) => {
  const id = await newLlmIntegration(world);
  return { request: { id }, acts: () => [onLlm("delete", id)] };
});
audit(configuration.validateRunnerConfiguration, ({ runnerId }) => ({
  request: { runnerId, config: { case: "environmentClass" as const, value: sized } },
  acts: () => [],
}));
audit(configuration.createHostAuthenticationToken, async (world) => ({
  request: await hostToken(world),
  acts: ({ token }) => [onToken("create", token?.id)],
}));
audit(
  configuration.updateHostAuthenticationToken,
  async (world) => {
    const id = await newHostToken(world);
    return { request: { id, token: "another" }, acts: () => [onToken("update", id)] };
  },
  { as: "runner user" },
);
audit(configuration.deleteHostAuthenticationToken, async (world) => {
  const id = await newHostToken(world);
  return { request: { id }, acts: () => [onToken("delete", id)] };
});
