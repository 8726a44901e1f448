import type { UnaryRequest } from "@connectrpc/connect";
import type { Caller } from "../../domain/access/caller.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Callers } from "./callers.ts";
import { admittedAtKey, callerKey } from "./context.ts";
import type { Interceptor, Next } from "./interceptor.ts";

/** A request that took longer than this to arrive is authenticated again. Milliseconds. */
const trustedFor = 100;

/**
 * The gate decides from the headers. A client may send the rest of its request as late as it likes, and must not
 * do with it what it was allowed to do when it sent the headers: its token and its roles are asked for again.
 * Streams ask for themselves, as long as they last.
 */
export function rightsInterceptor(callers: Pick<Callers, "identify">, clock: Clock): Interceptor {
  return (next) => (request) => {
    const caller = request.contextValues.get(callerKey);
    if (request.stream || caller === null) return next(request);
    const age = clock.monotonic() - request.contextValues.get(admittedAtKey);
    if (age <= trustedFor) return next(request);
    return again(request, caller, next);
  };

  async function again(request: UnaryRequest, caller: Caller, next: Next) {
    const identity = await callers.identify(request.header.get("authorization"));
    request.contextValues.set(callerKey, { ...caller, ...identity });
    return next(request);
  }
}
