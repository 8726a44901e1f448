import type { IncomingHttpHeaders } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { Config } from "./config/config.ts";
import type { TracingConfig } from "./config/groups/telemetry.ts";
import { CallLimits } from "./domain/limits/call-limits.ts";
import { OpenStreams } from "./domain/limits/open-streams.ts";
import { Overload } from "./domain/limits/overload.ts";
import { EventHub } from "./events/hub.ts";
import { Cleanup } from "./fleet/cleanup.ts";
import { RunnerRegistry } from "./fleet/fleet.ts";
import { Questions } from "./fleet/questions.ts";
import { CallValues } from "./http/call-values.ts";
import { clientAddress } from "./http/connections/client-address.ts";
import { listen } from "./http/connections/listener.ts";
import { createHandler } from "./http/handler.ts";
import type { Origin } from "./http/node-http.ts";
import { openMetricsPort } from "./http/plain/metrics-port.ts";
import { addressList } from "./lib/address-list.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { type IdSource, uuidv7Source } from "./lib/ids.ts";
import { packageVersion } from "./lib/version.ts";
import { plainEndpoints } from "./plain-endpoints.ts";
import { Callers } from "./rpc/call/callers.ts";
import { addressKey, clientCertificateKey } from "./rpc/call/context.ts";
import { openMethods } from "./rpc/call/gate.ts";
import type { Answered, Asked } from "./rpc/messages/question.ts";
import { createRpc } from "./rpc/routes.ts";
import { controlOperations, listenForCommands } from "./start/control.ts";
import { inMemory, openDataDir } from "./start/data-dir.ts";
import { tellExposure } from "./start/exposure.ts";
import { closeToOthers } from "./start/file-modes.ts";
import { ensureFounded } from "./start/founding.ts";
import { openStore } from "./start/open-store.ts";
import { resolveServerKey } from "./start/server-key.ts";
import type { Store } from "./store/store.ts";
import { createLog } from "./telemetry/logger.ts";
import { ServerMetrics } from "./telemetry/server-metrics.ts";
import type { Tracing } from "./telemetry/tracing.ts";
import { CertificateKeeper } from "./tls/certificate-keeper.ts";
import { IssueLog } from "./upkeep/issue-log.ts";
import { KeyRing } from "./upkeep/key-ring.ts";
import { LoadWatch } from "./upkeep/load-meter.ts";
import { Retention } from "./upkeep/retention.ts";
import { TokenUses } from "./upkeep/token-uses.ts";
import { Upkeep } from "./upkeep/upkeep.ts";

/** What tests and programs that embed the server may put in place of the real thing. */
export interface Overrides {
  readonly clock?: Clock;
  readonly newId?: IdSource;
  readonly log?: Logger;
  /** Tells the overload protection the time, in milliseconds. */
  readonly loadTime?: () => number;
  /** Tells what stretches the renewal interval how late the event loop was, in milliseconds. */
  readonly loopDelayMs?: () => number;
  /** Told of the store once it is open: for tests of what no procedure offers. */
  readonly onStore?: (store: Store) => void;
  /** More for `/metrics`, in the same format: of the process, which its owner measures. */
  readonly processMetrics?: () => Promise<string>;
}

export interface RunningServer {
  /** Scheme, host and port that it listens on. */
  readonly url: string;
  /** Where metrics are shown without a token; null when that is nowhere. */
  readonly metricsUrl: string | null;
  /** The first admin's token, when this start minted it. It cannot be asked for again. */
  readonly adminToken: string | null;
  /**
   * Resolves, to what happened, when the disk failed or nothing can be written any more: close, end the process with
   * `process.exit()` or a signal, and start it again. All writes are refused meanwhile.
   */
  readonly failed: Promise<Error>;
  /** Reads the certificate files again, now. What cannot be used is told in the log, and the present one stays. */
  reload(): Promise<void>;
  /** Stops accepting, lets running calls finish until the deadline, closes the database. Can be called again. */
  close(): Promise<void>;
}

/**
 * Starts a server; nothing outside of this function and what it returns keeps running.
 * @throws Error with a message for the operator: a bad setting, a database in use, a port that is taken.
 */
export async function startServer(config: Config, overrides: Overrides = {}): Promise<RunningServer> {
  const clock = overrides.clock ?? systemClock;
  const newId = overrides.newId ?? uuidv7Source(clock);
  const log = overrides.log ?? createLog(config.logLevel, false);
  const certificates = config.tls && (await CertificateKeeper.open({ files: config.tls, clock, log }));
  const files = openDataDir(config.dataDir);
  for (const opened of config.dataDir === inMemory ? [] : closeToOthers(config.dataDir)) {
    log.warn(`${opened}; those who may have read it know what was in it`);
  }
  // Undone in reverse, on the way out of a start that failed and at the end of a run alike.
  await using undo = new AsyncDisposableStack();
  const metrics = new ServerMetrics(packageVersion(), overrides.processMetrics);
  const failed = Promise.withResolvers<Error>();
  const store = openStore(files.database, "server", {
    quotas: config.quotas,
    clock,
    observer: {
      onTrouble(trouble) {
        metrics.store.refusing(trouble !== null);
        if (trouble === null) log.info("the disk takes writes again");
        else
          log.error(
            { err: trouble },
            "the disk refuses writes: make room, or mend it; reads and leases go on",
          );
      },
      onBatch: (writes, seconds) => metrics.store.committed(writes, seconds),
      onFailed(cause) {
        log.fatal({ err: cause }, `${cause.message}: the server has to start again`);
        metrics.store.refusing(true);
        failed.resolve(cause);
      },
    },
  });
  undo.defer(() => store.close());
  overrides.onStore?.(store);
  const secrets = await resolveServerKey(config.dataDir, files, store, log);
  const adminToken = await ensureFounded({ config, files, store, clock, newId, log });
  const shutdown = new AbortController();
  const questions = new Questions<Asked, Answered>({ clock, newId, observer: metrics.questions });
  const registry = new RunnerRegistry({
    store,
    clock,
    settings: config.leases,
    log,
    observer: metrics.leases,
    onInactive: (runnerId) => questions.inactive(runnerId),
  });
  const cleanup = new Cleanup({ leases: store.leases, registry, settings: config.leases, clock, log });
  const upkeep = new Upkeep({
    registry,
    cleanup,
    tokens: store.tokens,
    clock,
    log,
    loopDelayMs: overrides.loopDelayMs,
  });
  undo.defer(() => upkeep.stop());
  await upkeep.run();
  const hub = new EventHub({
    events: store.events,
    tokens: store.tokens,
    clock,
    log,
    cursorLifeMs: config.retention.eventsMs / 2,
    quotas: config.quotas,
  });
  undo.defer(() => hub.stop());
  const retention = new Retention({
    events: store.events,
    audit: store.audit,
    serviceAccounts: store.serviceAccounts,
    hostTokens: store.hostTokens,
    settings: config.retention,
    clock,
    log,
  });
  undo.defer(() => retention.stop());
  const rotateEveryMs = config.keyRotationMs;
  const keyRing = new KeyRing({ keys: store.keys, secrets, clock, newId, log, rotateEveryMs });
  undo.defer(() => keyRing.stop());
  const issues = new IssueLog({ keys: store.keys, clock, log });
  undo.defer(() => issues.stop());
  const uses = new TokenUses({ credentials: store.credentials, clock, log });
  undo.defer(() => uses.stop());
  const overload = new Overload({ delayMs: config.shedDelayMs, clock });
  const loadWatch = new LoadWatch(overload, log, overrides.loadTime);
  undo.defer(() => loadWatch.stop());
  await Promise.all([hub.run(), retention.run(), keyRing.run(), issues.run(), uses.run(), loadWatch.run()]);
  const tracing = config.tracing && (await loadTracing(config.tracing, log));
  undo.defer(() => tracing?.stop());
  const callLimits = new CallLimits(config.callRates, clock);
  // Known once it listens, when the operator does not say.
  let issuer = config.externalUrl ?? "";
  const callers = new Callers(store, clock);
  const rpc = createRpc({
    registry,
    questions,
    callers,
    hub,
    health: {
      serving: () => !shutdown.signal.aborted,
      onChange(listener) {
        shutdown.signal.addEventListener("abort", listener);
        return () => shutdown.signal.removeEventListener("abort", listener);
      },
    },
    keepAliveMs: config.watchKeepAliveMs,
    reflection: config.reflection,
    store,
    clock,
    newId,
    secrets,
    keyRing,
    issues,
    issuer: () => issuer,
    uses,
    callLimits,
    streams: new OpenStreams(config.quotas),
    certificates: config.clientCertificates,
    overload,
    log,
    meter: metrics.calls,
    tracer: tracing,
  });
  if (config.dataDir !== inMemory) {
    const commands = await listenForCommands(config.dataDir, controlOperations(store, clock, newId), log);
    undo.defer(() => commands?.close());
  }
  const onError = (error: unknown, path: string) => {
    metrics.calls.internalError();
    log.error({ err: error, path }, "internal error");
  };
  const onConnectionError = (error: Error, address: string | undefined) =>
    log.debug({ err: error, address }, "connection failed");
  const { list: proxies } = addressList(config.trustedProxies);
  const addressOf = ({ remoteAddress }: Origin, headers: IncomingHttpHeaders) =>
    clientAddress(remoteAddress, headers, proxies);
  const listener = await listen({
    host: config.host,
    port: config.port,
    limits: config.limits,
    isProxy: (address) => proxies.has(address),
    ...(certificates && { tls: certificates.certificate }),
    ...createHandler({
      routes: rpc.routes,
      ...rpc.options,
      contextValues: (origin, headers) =>
        new CallValues()
          .set(addressKey, addressOf(origin, headers))
          .set(clientCertificateKey, origin.clientCertificate),
      readMaxBytes: config.limits.messageBytes,
      unfinishedBytes: config.limits.unfinishedBytes,
      openMethods,
      shutdownSignal: shutdown.signal,
      hotPath: config.hotPath,
      cors: { origins: config.corsOrigins },
      plain: plainEndpoints({
        ...{ store, registry, callers, callLimits, clock, keyRing, metrics, addressOf },
        issuer: () => issuer,
        shutdownSignal: shutdown.signal,
      }),
      onUnknownProcedure: () => metrics.calls.unknownProcedure(),
      onError,
    }),
    onConnectionError,
  });
  undo.defer(async () => {
    const { forced } = await listener.close(config.shutdownDeadlineMs);
    log.info({ forced }, "stopped");
  });
  if (certificates !== null) {
    certificates.onChange((next) => listener.setCertificate(next));
    undo.defer(() => certificates.stop());
    await certificates.run();
  }
  issuer ||= listener.url;
  const { leases: settings, limits } = config;
  metrics.show({
    ...{ registry, questions, hub, store, callLimits, overload, clock, settings },
    maxConnections: limits.connections,
    connections: listener.connections,
    displaced: listener.displaced,
  });
  const metricsPort =
    config.metrics &&
    (await openMetricsPort({
      ...config.metrics,
      text: () => metrics.text(),
      onError,
      onConnectionError,
    }));
  undo.defer(async () => void (await metricsPort?.close(0)));
  tellExposure(config, listener, metricsPort, log);
  const running = undo.move();
  let closing: Promise<void> | undefined;
  return {
    url: listener.url,
    metricsUrl: metricsPort && `${metricsPort.url}/metrics`,
    adminToken,
    failed: failed.promise,
    async reload() {
      if (certificates === null) log.info("nothing to reload: this server has no TLS certificate");
      else await certificates.reload();
    },
    close() {
      shutdown.abort(new ConnectError("the server is shutting down", Code.Unavailable));
      closing ??= running.disposeAsync();
      return closing;
    },
  };
}

/** Its libraries are loaded by servers that trace, and by no others. */
async function loadTracing(config: TracingConfig, log: Logger): Promise<Tracing | null> {
  const { startTracing } = await import("./telemetry/tracing.ts");
  try {
    return startTracing(config, packageVersion(), log);
  } catch (error) {
    // They read the environment themselves, which others may have filled for another program.
    log.warn({ err: error }, "no traces are sent: OpenTelemetry does not start");
    return null;
  }
}
