import { ConnectError, type StreamResponse } from "@connectrpc/connect";
import type { CallObserver } from "./call-observer.ts";
import { clientGone } from "./errors.ts";
import { type Interceptor, onAnswer } from "./interceptor.ts";
import { type ObservedCall, observedCall } from "./observed-call.ts";

/** Tells how calls end that get as far as this. It must be the outermost one, to see what callers are told. */
export function callInterceptor(observer: CallObserver): Interceptor {
  return (next) => (request) => {
    const call = observedCall(request.contextValues);
    if (call === null) return next(request);
    observer.serve(call);
    return onAnswer(
      () => next(request),
      (response) => {
        if (response.stream) return { ...response, message: observed(response.message, call, observer) };
        observer.end(call, null);
        return response;
      },
      (error) => {
        observer.end(call, ConnectError.from(error));
        throw error;
      },
    );
  };
}

async function* observed(
  messages: StreamResponse["message"],
  call: ObservedCall,
  observer: CallObserver,
): StreamResponse["message"] {
  try {
    for await (const message of messages) {
      call.stream?.sent();
      yield message;
    }
    observer.end(call, null);
  } catch (error) {
    observer.end(call, ConnectError.from(error));
    throw error;
  } finally {
    // The client reads no more.
    observer.end(call, clientGone());
  }
}
