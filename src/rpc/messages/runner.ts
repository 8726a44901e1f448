import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Runner as RunnerMessage,
  RunnerSchema,
  RunnerSpecSchema,
  RunnerStatusSchema,
} from "../../../gen/gitpod/v1/runner_pb.js";
import type { DerivedStatus } from "../../domain/leases/status.ts";
import type { RunnerReport } from "../../domain/runners/report.ts";
import type { Runner, RunnerSpec } from "../../domain/runners/runner.ts";
import type { RunnerCodecs } from "../../store/store.ts";
import { plain } from "./plain.ts";

/** What is kept whole is stored in the contract's encoding, so that its compatibility rules hold for old files. */
export const runnerCodecs: RunnerCodecs = {
  spec: {
    encode: (spec) => toBinary(RunnerSpecSchema, create(RunnerSpecSchema, spec)),
    decode: (bytes) => plain(fromBinary(RunnerSpecSchema, bytes)) as RunnerSpec,
  },
  report: {
    encode: (report) => toBinary(RunnerStatusSchema, create(RunnerStatusSchema, report)),
    decode: (bytes) => plain(fromBinary(RunnerStatusSchema, bytes)) as RunnerReport,
  },
};

/** A runner with its status as it is now. */
export interface ObservedRunner {
  readonly runner: Runner;
  readonly status: DerivedStatus;
}

/** A runner as API callers see it: without any secret, and without a field that nobody sent. */
export function runnerMessage({ runner, status }: ObservedRunner): RunnerMessage {
  return create(RunnerSchema, {
    runnerId: runner.id,
    createdAt: timestampFromMs(runner.createdAt),
    updatedAt: timestampFromMs(runner.updatedAt),
    name: runner.name,
    spec: publicSpec(runner.spec),
    status: create(RunnerStatusSchema, {
      ...runner.report,
      phase: status.phase,
      message: status.message,
      updatedAt: timestampFromMs(Math.max(status.sinceMs, runner.reportedAt ?? 0)),
    }),
    creator: runner.creator,
    kind: runner.kind,
    provider: runner.provider,
    runnerManagerId: runner.managerId ?? "",
  });
}

function publicSpec(spec: RunnerSpec): MessageInitShape<typeof RunnerSpecSchema> {
  if (spec.configuration === undefined) return spec;
  return { ...spec, configuration: { ...spec.configuration, encryptedHoneycombApiKey: new Uint8Array() } };
}
