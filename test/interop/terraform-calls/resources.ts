import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { LLMIntegrationPhase, SupportedModel } from "../../../gen/gitpod/v1/model_pb.js";
import { LLMProvider, RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase } from "../../../gen/gitpod/v1/runner_pb.js";
import type { Resource } from "./life.ts";

/** What the state of a plan keeps secret, and what the next apply puts in its place. */
export const secret = "secret-of-the-state";
export const newSecret = "secret-of-the-next-apply";
export const notFound = (message: string) => ({ code: "not_found", message }) as const;

export function runner(): Resource {
  const spec = {
    desiredPhase: RunnerPhase.ACTIVE,
    configuration: { region: "eu-central-1", autoUpdate: true, updateWindow: { startHour: 2 } },
  };
  return {
    create: async ({ runners }) =>
      (await runners.createRunner({ name: "Läufer 1", provider: RunnerProvider.AWS_EC2, spec })).runner
        ?.runnerId ?? "",
    read: async ({ runners }, runnerId) => (await runners.getRunner({ runnerId })).runner,
    update: ({ runners }, runnerId) =>
      runners.updateRunner({ runnerId, name: "Läufer 2", spec: { configuration: { autoUpdate: false } } }),
    destroy: ({ runners }, runnerId) => runners.deleteRunner({ runnerId, force: true }),
    planned: { name: "Läufer 1", spec },
    changed: { name: "Läufer 2", spec: { configuration: { region: "eu-central-1", autoUpdate: false } } },
    gone: notFound("runner not found"),
  };
}

export function environmentClass(runnerId: string): Resource {
  const configuration = [
    { key: "machineType", value: " n2-standard-8 " },
    { key: "diskSizeGb", value: "080" },
  ];
  const displayName = "Large – 8 vCPU";
  const description = "Environment class managed by Terraform.";
  return {
    async create({ configuration: service }) {
      const { id: environmentClassId } = await service.createEnvironmentClass({
        ...{ runnerId, displayName, description, configuration },
      });
      // What is planned as disabled takes a second call: a new class is enabled.
      expect((await service.getEnvironmentClass({ environmentClassId })).environmentClass?.enabled).toBe(
        true,
      );
      await service.updateEnvironmentClass({ environmentClassId, enabled: false });
      return environmentClassId;
    },
    read: async ({ configuration: service }, environmentClassId) =>
      (await service.getEnvironmentClass({ environmentClassId })).environmentClass,
    update: ({ configuration: service }, environmentClassId) =>
      service.updateEnvironmentClass({
        environmentClassId,
        displayName: "Larger",
        description,
        enabled: true,
      }),
    destroy: ({ configuration: service }, environmentClassId) =>
      service.updateEnvironmentClass({ environmentClassId, enabled: false }),
    planned: { runnerId, displayName, description, configuration, enabled: false },
    changed: { runnerId, displayName: "Larger", description, configuration, enabled: true },
    gone: { left: { enabled: false, configuration } },
  };
}

export function scmIntegration(
  runnerId: string,
  create: object,
  planned: object,
  update: object,
  changed: object,
): Resource {
  return {
    create: async ({ configuration }) =>
      (await configuration.createSCMIntegration({ runnerId, ...create })).id,
    async read({ configuration }, id) {
      const { integration } = await configuration.getSCMIntegration({ id });
      // The mode and the directory are told by what is unset.
      const mode = integration?.oauth ? "oauth" : "pat";
      return { ...integration, mode, directory: integration?.virtualDirectory };
    },
    update: ({ configuration }, id) => configuration.updateSCMIntegration({ id, ...update }),
    destroy: ({ configuration }, id) => configuration.deleteSCMIntegration({ id }),
    planned: { runnerId, ...planned },
    changed: { runnerId, ...changed },
    gone: notFound("SCM integration not found"),
  };
}

export function llmIntegration(runnerId: string): Resource {
  const models = [SupportedModel.SONNET_4_5, SupportedModel.OPUS_4_5];
  return {
    create: async ({ configuration }) =>
      (await configuration.createLLMIntegration({ runnerId, models, endpoint: "", apiKey: secret })).id,
    read: async ({ configuration }, id) => (await configuration.getLLMIntegration({ id })).integration,
    async update({ configuration }, id) {
      const endpoint = "https://LLM.example/v1/";
      await configuration.updateLLMIntegration({ id, endpoint, maxTokens: 4096n });
      await configuration.updateLLMIntegration({
        id,
        apiKey: newSecret,
        phase: LLMIntegrationPhase.LLM_INTEGRATION_PHASE_DISABLED,
      });
    },
    destroy: ({ configuration }, id) => configuration.deleteLLMIntegration({ id, force: false }),
    planned: { runnerId, models, endpoint: "", maxTokens: 0n, provider: LLMProvider.LLM_PROVIDER_ANTHROPIC },
    changed: { models, endpoint: "https://LLM.example/v1/", maxTokens: 4096n },
    gone: notFound("LLM integration not found"),
  };
}

export function group(organizationId: string): Resource {
  return {
    create: async ({ groups }) =>
      (await groups.createGroup({ organizationId, name: "platform", description: "made by Terraform" })).group
        ?.id ?? "",
    read: async ({ groups }, groupId) => (await groups.getGroup({ groupId })).group,
    update: ({ groups }, groupId) => groups.updateGroup({ groupId, name: "platform 2", description: "" }),
    destroy: ({ groups }, groupId) => groups.deleteGroup({ groupId }),
    planned: { name: "platform", description: "made by Terraform" },
    changed: { name: "platform 2" },
    gone: notFound("group not found"),
  };
}

export function serviceAccount(validUntil: Timestamp): Resource {
  return {
    create: async ({ accounts }) =>
      (await accounts.createServiceAccount({ name: "deployer", description: "d", validUntil })).serviceAccount
        ?.id ?? "",
    read: async ({ accounts }, serviceAccountId) =>
      (await accounts.getServiceAccount({ serviceAccountId })).serviceAccount,
    update: ({ accounts }, serviceAccountId) =>
      accounts.updateServiceAccount({ serviceAccountId, name: "deployer 2", description: "" }),
    destroy: ({ accounts }, serviceAccountId) => accounts.deleteServiceAccount({ serviceAccountId }),
    planned: { name: "deployer", description: "d", validUntil },
    changed: { name: "deployer 2", description: "", validUntil },
    gone: { left: { suspended: true } },
  };
}
