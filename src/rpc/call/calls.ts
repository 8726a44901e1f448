import { ConnectError, type Interceptor, type StreamResponse } from "@connectrpc/connect";
import { isPromise } from "../../lib/awaitable.ts";
import type { CallObserver } from "./call-observer.ts";
import { clientGone } from "./errors.ts";
import { type ObservedCall, observedCall } from "./observed-call.ts";

/** Tells how calls end that get as far as this. It must be the outermost one, to see what callers are told. */
export function callInterceptor(observer: CallObserver): Interceptor {
  return (next) => (request) => {
    const call = observedCall(request.contextValues);
    if (call === null) return next(request);
    observer.serve(call);
    return settle(
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
    // Nobody reads on.
    observer.end(call, clientGone());
  }
}

/**
 * Goes on with what an interceptor's `next` gives, and with what it throws. On the hot path that is there at once where
 * the handler waits for nothing, though Connect's types know promises alone; then this waits for nothing either.
 */
export function settle<T, R>(
  run: () => Promise<T>,
  done: (value: T) => R,
  failed: (error: unknown) => never,
): Promise<R> {
  let value: Promise<T>;
  try {
    value = run();
  } catch (error) {
    return failed(error);
  }
  return isPromise(value) ? value.then(done, failed) : (done(value) as unknown as Promise<R>);
}
