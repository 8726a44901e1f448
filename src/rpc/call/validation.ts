import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createValidator, type Validator } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import { ValidateRunnerConfigurationRequestSchema } from "../../../gen/gitpod/v1/runner_configuration_pb.js";

/**
 * Messages whose rules the contract switches off, by an option that validators do not know any more: what is wrong with them
 * is an answer and no error.
 */
const unjudged: ReadonlySet<DescMessage> = new Set([ValidateRunnerConfigurationRequestSchema]);

/** Checks every request message against the rules of the contract, before the handler sees it. */
export function validationInterceptor(): Interceptor {
  const judge = createValidateInterceptor({ validator: withFullMessages(createValidator()) });
  return (next) => {
    const judged = judge(next);
    return (request) => (unjudged.has(request.method.input) ? next(request) : judged(request));
  };
}

/** The library's message tells the first violation alone; a caller who repairs a request wants all of them. */
function withFullMessages(validator: Validator): Validator {
  return {
    ...validator,
    validate<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>) {
      const result = validator.validate(schema, message);
      if (result.kind === "invalid") {
        result.error.message = result.violations.map((violation) => violation.toString()).join("; ");
      }
      return result;
    },
  };
}
