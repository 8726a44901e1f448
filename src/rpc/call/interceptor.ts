import type {
  Interceptor as ConnectInterceptor,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import { type Awaitable, isPromise } from "../../lib/awaitable.ts";

type Answer = UnaryResponse | StreamResponse;

/** The rest of a call's way: the next interceptor or the handler. */
export type Next = (request: UnaryRequest | StreamRequest) => Awaitable<Answer>;

/**
 * As Connect's, but an answer that is there at once is given at once: on the hot path most handlers wait for nothing, and so
 * nothing around them does. What fails at once is thrown, and rejected otherwise.
 */
export type Interceptor = (next: Next) => Next;

/** An interceptor as Connect wants it, which knows promises alone. */
export function forConnect(interceptor: Interceptor): ConnectInterceptor {
  return (next) => {
    const intercepted = interceptor(next);
    return async (request) => intercepted(request);
  };
}

/** Goes on with the answer that `run` gives, or with what it fails with, and waits for neither if it is there. */
export function onAnswer(
  run: () => Awaitable<Answer>,
  answered: (answer: Answer) => Answer,
  failed: (error: unknown) => never,
): Awaitable<Answer> {
  let answer: Awaitable<Answer>;
  try {
    answer = run();
  } catch (error) {
    return failed(error);
  }
  return isPromise(answer) ? answer.then(answered, failed) : answered(answer);
}
