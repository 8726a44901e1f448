import { create } from "@bufbuild/protobuf";
import { RunnerSpecSchema } from "../../../gen/gitpod/v1/runner_pb.js";
import { type WantedSpec, WantedSpecSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import type { Runner } from "../../domain/runners/runner.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";

/** The spec for the eyes of the runner alone: with the secrets that are meant for it. */
export function wantedSpec(runner: Runner, secrets: SecretBox): WantedSpec {
  const spec = create(RunnerSpecSchema, runner.spec);
  const metrics = spec.configuration?.metrics;
  if (metrics !== undefined && runner.metricsPassword !== null) {
    metrics.password = Buffer.from(secrets.open(runner.metricsPassword)).toString();
  }
  return create(WantedSpecSchema, { revision: runner.specRevision, spec });
}
