import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { Listener } from "../http/connections/listener.ts";

/** Says in the log who can reach the server, and warns when their tokens cross a network in clear text. */
export function tellExposure(
  config: Pick<Config, "dataDir" | "tls" | "clientCertificates" | "trustedProxies" | "externalUrl">,
  { url, loopback }: Pick<Listener, "url" | "loopback">,
  metrics: Pick<Listener, "url" | "loopback"> | null,
  log: Logger,
): void {
  const { dataDir, tls, clientCertificates } = config;
  const shown = metrics && { metricsUrl: `${metrics.url}/metrics` };
  const facts = {
    url,
    dataDir,
    ...(clientCertificates !== "off" && { clientCertificates }),
    ...shown,
  };
  if (loopback) log.info(facts, "serving this machine alone; --host 0.0.0.0 lets others in");
  else log.info(facts, "serving the network");
  if (metrics?.loopback === false) {
    log.warn(shown, "metrics are shown to every client that reaches this address");
  }
  const hasProxy = config.trustedProxies.length > 0 || config.externalUrl?.startsWith("https:") === true;
  if (loopback || tls !== null || hasProxy) return;
  log.warn(
    "tokens cross the network in clear text: give the server --tls-cert and --tls-key, or put a proxy with TLS in " +
      "front and name it with --trusted-proxies, or its address with --external-url",
  );
}
