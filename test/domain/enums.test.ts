import type { DescEnum } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { PrincipalSchema } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerKindSchema, RunnerProviderSchema } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhaseSchema } from "../../gen/gitpod/v1/runner_pb.js";
import { Principal } from "../../src/domain/access/principal.ts";
import { RunnerKind, RunnerPhase, RunnerProvider } from "../../src/domain/runners/enums.ts";

test.each<[string, object, DescEnum]>([
  ["Principal", Principal, PrincipalSchema],
  ["RunnerKind", RunnerKind, RunnerKindSchema],
  ["RunnerPhase", RunnerPhase, RunnerPhaseSchema],
  ["RunnerProvider", RunnerProvider, RunnerProviderSchema],
])("%s has the names and numbers of the contract", (_, ours, contract) => {
  const prefix = contract.sharedPrefix?.toUpperCase() ?? "";
  const theirs = contract.values.map(({ name, number }) => [name.replace(prefix, ""), number]);
  expect(ours).toEqual(Object.fromEntries(theirs));
});
