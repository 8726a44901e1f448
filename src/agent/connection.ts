import { readFileSync } from "node:fs";
import { createSecureContext, getCACertificates } from "node:tls";
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { messageOf } from "../lib/thrown.ts";
import { AgentEndError, agentEnd } from "./end.ts";
import { proxyFor } from "./proxy.ts";
import { type TlsFiles, Tunnels } from "./tunnels.ts";

/** What the agent speaks on the wire, over HTTP/2 both. */
export const agentProtocols = ["grpc", "connect"] as const;
export type AgentProtocol = (typeof agentProtocols)[number];

/** A transport whose connection can be dropped when there is reason to doubt it. */
export interface AgentConnection {
  readonly transport: Transport;
  /** Ends the connection and what runs on it; the next call opens another. */
  reset(): void;
}

export interface ConnectionOptions {
  readonly server: URL;
  readonly protocol: AgentProtocol;
  /** PEM file with the authorities to trust, and no others. */
  readonly caFile?: string;
  /**
   * Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are read, in lower case too, and without `caFile` also
   * `SSL_CERT_FILE`: authorities to trust beside Node's own. Unset: none of them counts.
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** PEM files of the certificate, with its chain, that the server asks runners for. */
  readonly clientCertificate?: { readonly certFile: string; readonly keyFile: string };
}

const pingIntervalMs = 15_000;
const pingTimeoutMs = 5_000;
/** Far above every answer of the protocol. */
const readMaxBytes = 4 * 1024 * 1024;

/**
 * Opens when a call needs it, through the proxy that the environment names.
 * Every connection reads the files anew, so that what was renewed meanwhile is used from the next one on.
 * @throws AgentEndError STATE_UNUSABLE when a file cannot be used at the start, PROXY_UNUSABLE when a variable names no
 * proxy; later, connecting fails
 */
export function openConnection(options: ConnectionOptions): AgentConnection {
  const baseUrl = options.server.href.replace(/\/+$/, "");
  const tls = tlsFiles(options);
  tryFiles(tls);
  const proxy = proxyFor(options.server, options.environment ?? {});
  const connect = (): OneConnection => {
    const tunnels = proxy === null ? null : new Tunnels(proxy, options.server, tls);
    const session = tunnels === null ? tls : { createConnection: () => tunnels.take() };
    const sessionManager = new Http2SessionManager(baseUrl, { pingIntervalMs, pingTimeoutMs }, session);
    const to = { baseUrl, sessionManager, readMaxBytes };
    const transport =
      options.protocol === "grpc"
        ? createGrpcTransport(to)
        : createConnectTransport({ ...to, httpVersion: "2" });
    return {
      transport,
      ready: (signal) => tunnels?.ready(sessionManager.state(), signal),
      end: () => {
        tunnels?.end();
        sessionManager.abort();
      },
    };
  };
  let current = connect();
  let last = current;
  return {
    transport: {
      unary: async (...call) => {
        const { transport, ready } = current;
        await ready(call[1]);
        return transport.unary(...call);
      },
      stream: async (...call) => {
        const { transport, ready } = current;
        await ready(call[1]);
        return transport.stream(...call);
      },
    },
    // A manager that is aborted while it connects can take the failure of that connection for one of the next.
    reset: () => {
      // One that was being verified may have connected once more.
      last.end();
      current.end();
      last = current;
      current = connect();
    },
  };
}

interface OneConnection {
  readonly transport: Transport;
  /** To be waited for before each call. */
  ready(signal?: AbortSignal): Promise<void> | undefined;
  end(): void;
}

/**
 * The address of a server: http or https, with a path when a proxy serves it under one.
 * @returns null when it is no such address
 */
export function parseServerUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  return url.username || url.password || url.search || url.hash ? null : url;
}

/** Whether tokens would cross a network that others may listen on. */
export function sendsTokensInClear(url: URL): boolean {
  return url.protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

function tlsFiles({ server, caFile, environment, clientCertificate }: ConnectionOptions): TlsFiles {
  const moreFile = (server.protocol === "https:" && environment?.SSL_CERT_FILE) || undefined;
  const ca = caFile ?? moreFile;
  const files = { ca, cert: clientCertificate?.certFile, key: clientCertificate?.keyFile };
  const given = Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const read = (name: string, file: string) =>
    // Node's own list has NODE_EXTRA_CA_CERTS in it.
    name === "ca" && caFile === undefined
      ? [...getCACertificates("default"), readFileSync(file)]
      : readFileSync(file);
  return Object.defineProperties(
    {},
    Object.fromEntries(
      given.map(([name, file]) => [name, { enumerable: true, get: () => read(name, file) }]),
    ),
  );
}

function tryFiles(files: TlsFiles): void {
  try {
    createSecureContext({ ...files });
  } catch (error) {
    throw new AgentEndError(
      agentEnd("STATE_UNUSABLE", `cannot use the certificate files that are given: ${messageOf(error)}`),
    );
  }
}
