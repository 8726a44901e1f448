import type { StreamResponse } from "@connectrpc/connect";
import { type InternalErrorLog, toConnectError } from "./errors.ts";
import { type Interceptor, onAnswer } from "./interceptor.ts";

/** Turns whatever a handler throws, at once or in the middle of a stream, into an error for the wire. */
export function failureInterceptor(log: InternalErrorLog): Interceptor {
  return (next) => (request) => {
    const mapped = (error: unknown) =>
      toConnectError(error, request.method.input, (cause, id) => log(cause, id, request.contextValues));
    return onAnswer(
      () => next(request),
      (response) =>
        response.stream ? { ...response, message: mapStream(response.message, mapped) } : response,
      (error) => {
        throw mapped(error);
      },
    );
  };
}

async function* mapStream(
  messages: StreamResponse["message"],
  mapped: (error: unknown) => Error,
): StreamResponse["message"] {
  try {
    yield* messages;
  } catch (error) {
    throw mapped(error);
  }
}
