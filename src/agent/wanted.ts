import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { RunnerPhase, RunnerSpecSchema } from "../../gen/gitpod/v1/runner_pb.js";
import type { WantedSpec } from "../../gen/rollcall/v1/agent_pb.js";

/** A spec as the hook gets it. */
export interface WantedState {
  readonly runnerId: string;
  readonly revision: number;
  /** Stay registered, take nothing new. */
  readonly paused: boolean;
  /** `gitpod.v1.RunnerSpec` as protobuf JSON, secrets of the runner included. */
  readonly spec: JsonValue;
  /** What must not be repeated where others can read it. */
  readonly secrets: readonly string[];
}

/** @returns null for a message that names no revision or holds no spec */
export function readWanted(runnerId: string, wanted: WantedSpec): WantedState | null {
  const { revision, spec } = wanted;
  if (revision === 0 || spec === undefined) return null;
  const password = spec.configuration?.metrics?.password ?? "";
  return {
    runnerId,
    revision,
    paused: spec.desiredPhase === RunnerPhase.INACTIVE,
    spec: toJson(RunnerSpecSchema, spec),
    secrets: password === "" ? [] : [password],
  };
}
