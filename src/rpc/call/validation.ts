import { type DescField, type DescMessage, isFieldSet, isMessage, type Message } from "@bufbuild/protobuf";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { ValidateRunnerConfigurationRequestSchema } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { SearchRepositoriesRequestSchema } from "../../../gen/gitpod/v1/runner_pb.js";
import { ReportRunnerMetricsRequestSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import type { Interceptor } from "./interceptor.ts";
import { brokenByReport } from "./sample-rules.ts";
import { oversized } from "./sizes.ts";
import { rulesBroken, Violations } from "./violations.ts";

/**
 * Messages whose rules the contract switches off, by an option that validators do not know any more: what is wrong with them
 * is an answer and no error. Their sizes are held to what the server can take all the same.
 */
const unjudged: ReadonlySet<DescMessage> = new Set([ValidateRunnerConfigurationRequestSchema]);

/**
 * Checks every request message before the handler sees it: its sizes first, since what the other rules cost grows with
 * them, then the rules of the contract.
 */
export function validationInterceptor(): Interceptor {
  const validator = createValidator();
  const validate = (desc: DescMessage, message: Message): void => {
    const tooLarge = oversized(desc, message);
    if (tooLarge.total > 0) throw rulesBroken(tooLarge);
    if (unjudged.has(desc)) return;
    if (isMessage(message, ReportRunnerMetricsRequestSchema)) {
      const broken = brokenByReport(message, validator);
      if (broken.total > 0) throw rulesBroken(broken);
      return;
    }
    const result = validator.validate(desc, message);
    if (result.kind === "invalid") {
      const broken = result.violations.filter((violation) => !isLeftOut(violation, message));
      if (broken.length > 0) throw rulesBroken(Violations.of(broken));
    }
    // A rule that cannot be evaluated is the server's fault.
    if (result.kind === "error") throw result.error;
  };
  return (next) => (request) => {
    if (!request.stream) {
      validate(request.method.input, request.message);
      return next(request);
    }
    const { method, message } = request;
    return next({ ...request, message: validated(message, (one) => validate(method.input, one)) });
  };
}

/**
 * Fields whose rules hold for what is sent alone, by an option that the contract carries still and validators do not know
 * any more.
 */
const onlyWhenSent: ReadonlySet<DescField> = new Set([SearchRepositoriesRequestSchema.field.limit]);

/** Whether a rule was broken by such a field of the request that was not sent. */
function isLeftOut({ field: [field, ...within] }: Violation, message: Message): boolean {
  if (field?.kind !== "field" || within.length > 0 || !onlyWhenSent.has(field)) return false;
  return !isFieldSet(message, field);
}

async function* validated<T>(messages: AsyncIterable<T>, validate: (message: T) => void): AsyncIterable<T> {
  for await (const message of messages) {
    validate(message);
    yield message;
  }
}
