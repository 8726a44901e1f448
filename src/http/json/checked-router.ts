import type { DescMethod, DescMethodUnary, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type MethodImpl } from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { withCheckedAnswer } from "./checked-answer.ts";
import { jsonDecoder } from "./json-decoder.ts";

/** Hears of every method that is registered without options of its own. */
export type OnMethod = (
  method: DescMethod,
  implementation: MethodImpl<DescMethod>,
  jsonOptions: UniversalHandlerOptions["jsonOptions"],
) => void;

/**
 * A router that registers on another one, and gives every method its own size limit and a decoder for its own request
 * JSON: it refuses invalid UTF-8 and unknown enum names. Answers are checked by {@link withCheckedAnswer}.
 *
 * Connect calls the `textDecoder` of its JSON options for each JSON request of every protocol, after
 * authentication, decompression and the size limits, and answers what it throws as an error of the call. So one
 * hook covers what would otherwise need a parser for every protocol. `test/http/json-check.test.ts` proves that
 * it is called, should a release of Connect change that.
 */
export function checkedRouter(
  router: ConnectRouter,
  jsonOptions: UniversalHandlerOptions["jsonOptions"],
  readMaxBytesOf: (method: DescMethod) => number,
  onMethod?: OnMethod,
): ConnectRouter {
  const withOwn = (method: DescMethod, options: Partial<UniversalHandlerOptions> | undefined) => ({
    readMaxBytes: readMaxBytesOf(method),
    ...options,
    jsonOptions: { ...jsonOptions, ...options?.jsonOptions, textDecoder: jsonDecoder(method.input) },
  });
  const checked: ConnectRouter = {
    handlers: router.handlers,
    service(service: DescService, implementation, options) {
      for (const method of service.methods) {
        const implemented = Reflect.get(implementation, method.localName);
        const call =
          typeof implemented === "function"
            ? implemented.bind(implementation)
            : () => {
                throw new ConnectError(
                  `${service.typeName}.${method.name} is not implemented`,
                  Code.Unimplemented,
                );
              };
        // The caller's types tied the implementation to the service; looked up by name it has none left.
        checked.rpc(method, call as never, options);
      }
      return checked;
    },
    rpc<M extends DescMethod>(
      method: M,
      implementation: MethodImpl<M>,
      options?: Partial<UniversalHandlerOptions>,
    ) {
      const ownOptions = withOwn(method, options);
      // The types tie an implementation to a method that is known, and not to one of a kind.
      const served = isUnary(method)
        ? withCheckedAnswer(method, implementation as MethodImpl<DescMethodUnary>, ownOptions.jsonOptions)
        : implementation;
      router.rpc(method, served as MethodImpl<M>, ownOptions);
      if (options === undefined)
        onMethod?.(method, implementation as MethodImpl<DescMethod>, ownOptions.jsonOptions);
      return checked;
    },
  };
  return checked;
}

export function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}
