import type { HandlerContext } from "@connectrpc/connect";
import type {
  ValidateRunnerConfigurationRequest,
  ValidateRunnerConfigurationResponse,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import type { Authorized } from "../../domain/access/runners.ts";
import { DomainError } from "../../domain/errors.ts";
import { answeredBadly, refuseInactive } from "../../domain/questions/question.ts";
import { RunnerPhase } from "../../domain/runners/enums.ts";
import { callerOf } from "../call/context.ts";
import { answerOf } from "../messages/question.ts";
import { HostAccesses } from "./host-access.ts";
import { type AskerDeps, asker, refuseIdle } from "./source-code-hosts.ts";

/** Why a runner gave no verdict that it may give another time. */
const unreachable: ReadonlySet<string | undefined> = new Set([
  "RUNNER_NOT_ACTIVE",
  "RUNNER_NOT_WATCHING",
  "RUNNER_DID_NOT_ANSWER",
]);

/** Has the runner itself check a configuration in which the server found nothing wrong. */
export type AskRunner = (
  runner: Authorized<"configure">,
  question: ValidateRunnerConfigurationRequest,
  context: Pick<HandlerContext, "values" | "timeoutMs" | "signal">,
) => Promise<ValidateRunnerConfigurationResponse | null>;

/**
 * What a runner says of a configuration. Null: its agent cannot check any, or it is out of reach and there is nothing that
 * it alone can try, so that the server's word stands.
 * @returns what asks, and throws DomainError RUNNER_NOT_ACTIVE when there is a secret that only the runner can try
 */
export function liveVerdict(deps: AskerDeps): AskRunner {
  const ask = asker(deps, new HostAccesses(deps));
  return async (runner, value, context) => {
    try {
      await refuseIdle(deps, runner);
      const answered = await ask(callerOf(context), runner, { case: "validate", value }, context);
      const verdict = answerOf(answered, "validate");
      if (verdict.result.case !== value.config.case)
        throw answeredBadly("validate.result: is of another kind");
      return verdict;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (error.reason === "RUNNER_CANNOT_ANSWER") return null;
      if (!unreachable.has(error.reason)) throw error;
      const { config } = value;
      const isSecret = config.case === "scmIntegration" && config.value.oauthClientSecret.case !== undefined;
      if (isSecret) refuseInactive(RunnerPhase.INACTIVE);
      return null;
    }
  };
}
