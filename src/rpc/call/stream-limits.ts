import type { StreamResponse } from "@connectrpc/connect";
import type { OpenStreams, StreamHolder } from "../../domain/limits/open-streams.ts";
import { addressKey, callerKey } from "./context.ts";
import type { Interceptor } from "./interceptor.ts";

/** Counts every stream from its first message to its end, for its caller or, without a token, for its address. */
export function streamLimitsInterceptor(streams: OpenStreams): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!response.stream) return response;
    const { contextValues } = request;
    const holder = contextValues.get(callerKey) ?? { address: contextValues.get(addressKey) };
    return { ...response, message: counted(response.message, holder, streams) };
  };
}

/** Whatever ends a stream ends this, and a stream that is not read is not begun: so none stays counted. */
async function* counted(
  messages: StreamResponse["message"],
  holder: StreamHolder,
  streams: OpenStreams,
): StreamResponse["message"] {
  const close = streams.open(holder);
  try {
    yield* messages;
  } finally {
    close();
  }
}
