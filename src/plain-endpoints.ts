import type { IncomingHttpHeaders } from "node:http";
import type { CallLimits } from "./domain/limits/call-limits.ts";
import type { RunnerRegistry } from "./fleet/fleet.ts";
import type { Origin } from "./http/node-http.ts";
import { healthEndpoints, type PlainEndpoint } from "./http/plain/plain.ts";
import { scrapeEndpoint } from "./http/plain/scrape.ts";
import { wellKnownEndpoints } from "./http/plain/well-known.ts";
import type { Clock } from "./lib/clock.ts";
import type { Callers } from "./rpc/call/callers.ts";
import { runnerMetricsReader, serverMetricsReader } from "./rpc/services/metrics-access.ts";
import { runnerMetrics } from "./rpc/services/runner-metrics.ts";
import type { Store } from "./store/store.ts";
import type { ServerMetrics } from "./telemetry/server-metrics.ts";
import { type KeyRing, signingAlgorithm } from "./upkeep/key-ring.ts";

export interface PlainEndpointsOptions {
  readonly store: Store;
  readonly registry: RunnerRegistry;
  readonly callers: Callers;
  readonly callLimits: CallLimits;
  readonly clock: Clock;
  readonly keyRing: KeyRing;
  readonly metrics: ServerMetrics;
  /** The address that tokens are signed with; it may be known only once the server listens. */
  readonly issuer: () => string;
  /** The address of the client itself, behind whatever proxies there are. */
  readonly addressOf: (origin: Origin, headers: IncomingHttpHeaders) => string;
  /** Aborted when the server begins to stop. */
  readonly shutdownSignal: AbortSignal;
}

/** What the server answers that is no call: health, OpenID discovery, metrics, by their paths. */
export function plainEndpoints(options: PlainEndpointsOptions): Readonly<Record<string, PlainEndpoint>> {
  const { store, registry, callers, callLimits, clock, keyRing, metrics, addressOf, shutdownSignal } =
    options;
  const readers = { store, callers, limits: callLimits };
  return {
    ...healthEndpoints(async () => {
      if (shutdownSignal.aborted) return { ready: false, reason: "shutting down" };
      if (!(await store.healthy())) return { ready: false, reason: "the database does not answer" };
      return { ready: true };
    }),
    ...wellKnownEndpoints({
      issuer: options.issuer,
      algorithm: signingAlgorithm,
      keys: () => keyRing.published(),
      admit: (req, origin) => callLimits.countAddress(addressOf(origin, req.headers)),
    }),
    "/metrics/runners": scrapeEndpoint({
      admit: (authorization, req, origin) =>
        runnerMetricsReader(readers, { authorization, address: addressOf(origin, req.headers) }),
      render: (reader) => runnerMetrics({ store, registry, clock }, reader),
      who: "a user's",
    }),
    "/metrics": scrapeEndpoint({
      admit: (authorization, req, origin) =>
        serverMetricsReader(readers, { authorization, address: addressOf(origin, req.headers) }),
      render: () => metrics.text(),
      who: "an operator's",
    }),
  };
}
