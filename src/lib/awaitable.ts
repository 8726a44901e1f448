import { types } from "node:util";

/** A value that is there already, or one that is to come. What mostly need not be waited for costs no promise. */
export type Awaitable<T> = T | Promise<T>;

/** Whether a value is still to come. (Not by `instanceof`: promises of Node's own may come from another realm.) */
export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return types.isPromise(value);
}

/** Goes on with a value: at once when it is there. What `next` throws then is thrown here, and rejected otherwise. */
export function after<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(value) ? value.then(next) : next(value);
}
