import type { ContextKey, ContextValues } from "@connectrpc/connect";

/** Values of one call, as Connect's own, which carry their three functions with each object. */
export class CallValues implements ContextValues {
  [id: symbol]: unknown;

  get<T>(key: ContextKey<T>): T {
    return key.id in this ? (this[key.id] as T) : key.defaultValue;
  }
  set<T>(key: ContextKey<T>, value: T): this {
    this[key.id] = value;
    return this;
  }
  delete(key: ContextKey<unknown>): this {
    delete this[key.id];
    return this;
  }
}
