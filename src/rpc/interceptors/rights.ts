import type { Interceptor } from "@connectrpc/connect";
import type { Clock } from "../../domain/clock.ts";
import { admittedAtKey, callerKey } from "../context.ts";
import { authenticate, type CallerSource } from "../gate.ts";

/** A request that took longer than this to arrive is authenticated again. Milliseconds. */
const trustedFor = 100;

/**
 * The gate decides from the headers. A client may send the rest of its request as late as it likes, and must not
 * do with it what it was allowed to do when it sent the headers: its token and its roles are asked for again.
 * Streams ask for themselves, as long as they last.
 */
export function rightsInterceptor(source: CallerSource, clock: Clock): Interceptor {
  return (next) => async (request) => {
    const caller = request.contextValues.get(callerKey);
    const age = clock.monotonic() - request.contextValues.get(admittedAtKey);
    if (!request.stream && caller !== null && age > trustedFor) {
      const again = await authenticate(source, clock, request.header.get("authorization"));
      request.contextValues.set(callerKey, { ...caller, ...again });
    }
    return next(request);
  };
}
