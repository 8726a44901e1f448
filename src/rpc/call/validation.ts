import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { createValidator, type Validator } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";

/** Checks every request message against the rules of the contract, before the handler sees it. */
export function validationInterceptor(): Interceptor {
  return createValidateInterceptor({ validator: withFullMessages(createValidator()) });
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
