import { create } from "@bufbuild/protobuf";
import {
  type EnvironmentClass as EnvironmentClassMessage,
  EnvironmentClassSchema,
  type ListEnvironmentClassesRequest,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import type {
  EnvironmentClass,
  EnvironmentClassFilter,
} from "../../domain/environment-classes/environment-class.ts";
import type { RunnerKind, RunnerProvider } from "../../domain/runners/enums.ts";

export function environmentClassMessage(environmentClass: EnvironmentClass): EnvironmentClassMessage {
  const { id, displayName, description, runnerId, enabled } = environmentClass;
  const configuration = environmentClass.configuration.map(({ key, value }) => ({ key, value }));
  return create(EnvironmentClassSchema, { id, displayName, description, configuration, runnerId, enabled });
}

export function environmentClassFilter({ filter }: ListEnvironmentClassesRequest): EnvironmentClassFilter {
  return {
    runnerIds: (filter?.runnerIds ?? []).map((id) => id.toLowerCase()),
    enabled: filter?.enabled ?? null,
    kinds: (filter?.runnerKinds ?? []) as readonly RunnerKind[],
    providers: (filter?.runnerProviders ?? []) as readonly RunnerProvider[],
  };
}
