import { isIP } from "node:net";
import { defaultLimits } from "../../domain/limits/connection-limits.ts";
import { type Listener, type ListenOptions, listen } from "../connections/listener.ts";
import type { NodeServerRequest, NodeServerResponse } from "../node-http.ts";
import { answerJson, setSecurityHeaders } from "../refuse.ts";
import { plainHandler } from "./plain.ts";
import { openScrapeEndpoint } from "./scrape.ts";

/** Connections at once: for scrapers, and people who look. */
const connections = 64;

export interface MetricsPortOptions extends Pick<ListenOptions, "host" | "port" | "onConnectionError"> {
  readonly text: () => Promise<string>;
  /** The text could not be made. */
  readonly onError: (error: unknown, path: string) => void;
}

/**
 * Opens a port that shows `/metrics`, and nothing else, to every program that reaches it. Rejects as {@link listen} does.
 * A port of this machine alone is reached by the pages in its browsers, too, if their own name leads here (DNS rebinding):
 * it answers to names of this machine and to addresses, which no page can have as its own. What an operator opened to a
 * network has the names that the network gives it.
 */
export async function openMetricsPort({ text, onError, ...options }: MetricsPortOptions): Promise<Listener> {
  const handler = plainHandler({ "/metrics": openScrapeEndpoint(text) }, onError);
  const listener: Listener = await listen({
    ...options,
    limits: { ...defaultLimits, connections },
    handler: (req, res, origin) => {
      if (listener.loopback && !isOfThisMachine(hostOf(req), options.host)) refuseHost(req, res);
      else handler(req, res, origin);
    },
  });
  return listener;
}

/** The name that a request is for, without its port; null when it has none, as no browser's request is. */
function hostOf(req: NodeServerRequest): string | null {
  const authority = req.headers.host ?? req.headers[":authority"];
  return typeof authority === "string" ? authority.replace(/:\d*$/, "").toLowerCase() : null;
}

/** @param own what the operator called the address of the port */
function isOfThisMachine(host: string | null, own: string): boolean {
  if (host === null || host === own.toLowerCase()) return true;
  return /^([^.]+\.)*localhost\.?$/.test(host) || isIP(host.replace(/^\[(.*)\]$/, "$1")) !== 0;
}

function refuseHost(req: NodeServerRequest, res: NodeServerResponse): void {
  setSecurityHeaders(res);
  answerJson(req, res, 421, {
    code: "permission_denied",
    message: "this port answers to localhost and addresses; --metrics-host opens it to other names",
  });
}
