import { create } from "@bufbuild/protobuf";
import { type GetRunnerResponse, GetRunnerResponseSchema } from "../../../gen/gitpod/v1/runner_pb.js";
import type { DerivedStatus } from "../../domain/leases/status.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import { lastingAnswer } from "../lasting-answers.ts";
import { type ObservedRunner, runnerMessage } from "./runner.ts";

/**
 * Answers of GetRunner. The store gives the same object for a runner until it changes; as long as its status is the same
 * too, so is the answer. Whoever waits for a runner asks for it again and again.
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
