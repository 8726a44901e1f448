import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Runner as RunnerMessage,
  RunnerSchema,
  RunnerSpecSchema,
  RunnerStatusSchema,
} from "../../../gen/gitpod/v1/runner_pb.js";
import { RunnerPhase } from "../../domain/runners/enums.ts";
import type { Runner, RunnerSpec } from "../../domain/runners/runner.ts";
import type { SpecCodec } from "../../store/store.ts";

/** Specs are stored in the contract's own encoding, so that its compatibility rules hold for old files too. */
export const specCodec: SpecCodec = {
  encode: (spec) => toBinary(RunnerSpecSchema, create(RunnerSpecSchema, spec)),
  decode: (bytes) => fromBinary(RunnerSpecSchema, bytes) as RunnerSpec,
};

/** A runner as API callers see it: without any secret, and without a field that nobody sent. */
export function runnerMessage(runner: Runner): RunnerMessage {
  return create(RunnerSchema, {
    runnerId: runner.id,
    createdAt: timestampFromMs(runner.createdAt),
    updatedAt: timestampFromMs(runner.updatedAt),
    name: runner.name,
    spec: publicSpec(runner.spec),
    status: create(RunnerStatusSchema, {
      phase: runner.deletionRequestedAt === null ? RunnerPhase.CREATED : RunnerPhase.DELETING,
      updatedAt: timestampFromMs(runner.deletionRequestedAt ?? runner.createdAt),
    }),
    creator: runner.creator,
    kind: runner.kind,
    provider: runner.provider,
    runnerManagerId: runner.managerId ?? "",
  });
}

function publicSpec(spec: RunnerSpec): MessageInitShape<typeof RunnerSpecSchema> {
  if (spec.configuration === undefined) return spec;
  const { encryptedHoneycombApiKey: _, ...configuration } = spec.configuration;
  return { ...spec, configuration };
}
