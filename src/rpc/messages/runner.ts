import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type GetRunnerResponse,
  GetRunnerResponseSchema,
  type Runner as RunnerMessage,
  RunnerSchema,
  RunnerSpecSchema,
  RunnerStatusSchema,
} from "../../../gen/gitpod/v1/runner_pb.js";
import { type WantedSpec, WantedSpecSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import type { DerivedStatus } from "../../domain/leases/status.ts";
import type { RunnerReport } from "../../domain/runners/report.ts";
import type { Runner, RunnerSpec } from "../../domain/runners/runner.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import type { RunnerCodecs } from "../../store/store.ts";
import { lastingAnswer } from "../call/lasting-answers.ts";
import { plain } from "./present.ts";

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

/** A runner as API callers see it: without any secret, and without a field that was never sent. */
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

/** The spec for the eyes of the runner alone: with the secrets that are meant for it. */
export function wantedSpec(runner: Runner, secrets: SecretBox): WantedSpec {
  const spec = create(RunnerSpecSchema, runner.spec);
  const metrics = spec.configuration?.metrics;
  if (metrics !== undefined && runner.metricsPassword !== null) {
    metrics.password = Buffer.from(secrets.open(runner.metricsPassword)).toString();
  }
  return create(WantedSpecSchema, { revision: runner.specRevision, spec });
}

/**
 * Answers of GetRunner. The store gives the same object for a runner until it changes; as long as its status is the same
 * too, so is the answer. A client that waits for a runner asks for it again and again.
 */
export class RunnerAnswers {
  readonly #last = new WeakMap<
    Runner,
    { readonly status: DerivedStatus; readonly answer: GetRunnerResponse }
  >();

  of(observed: ObservedRunner): GetRunnerResponse {
    const { runner, status } = observed;
    const last = this.#last.get(runner);
    if (last !== undefined && isSame(last.status, status)) return last.answer;
    const answer = lastingAnswer(create(GetRunnerResponseSchema, { runner: runnerMessage(observed) }));
    this.#last.set(runner, { status, answer });
    return answer;
  }
}

function isSame(a: DerivedStatus, b: DerivedStatus): boolean {
  return a.phase === b.phase && a.message === b.message && a.sinceMs === b.sinceMs;
}
