import type { DescMessage, Message } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import type { Interceptor } from "./interceptor.ts";
import { oversized } from "./sizes.ts";
import { rulesBroken, Violations } from "./violations.ts";

/**
 * Checks every request message before the handler sees it: its sizes first, since what the other rules cost grows with
 * them, then the rules of the contract.
 */
export function validationInterceptor(): Interceptor {
  const validator = createValidator();
  const validate = (desc: DescMessage, message: Message): void => {
    const tooLarge = oversized(desc, message);
    if (tooLarge.total > 0) throw rulesBroken(tooLarge);
    const result = validator.validate(desc, message);
    if (result.kind === "invalid") throw rulesBroken(Violations.of(result.violations));
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

async function* validated<T>(messages: AsyncIterable<T>, validate: (message: T) => void): AsyncIterable<T> {
  for await (const message of messages) {
    validate(message);
    yield message;
  }
}
