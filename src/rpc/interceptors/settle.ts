import { isPromise } from "../../domain/awaitable.ts";

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
