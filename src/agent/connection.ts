import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AgentEndError, agentEnd } from "./end.ts";
import { messageOf } from "./thrown.ts";

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
  /** PEM file with the authorities to trust instead of the system's. */
  readonly caFile?: string;
  /** PEM files of the certificate, with its chain, that the server asks runners for. */
  readonly clientCertificate?: { readonly certFile: string; readonly keyFile: string };
}

const pingIntervalMs = 15_000;
const pingTimeoutMs = 5_000;
/** Far above every answer of the protocol. */
const readMaxBytes = 4 * 1024 * 1024;

/**
 * Every connection reads the files anew, so that what was renewed meanwhile is used from the next one on.
 * @throws AgentEndError STATE_UNUSABLE when a file cannot be used at the start; later, connecting fails
 */
export function openConnection(options: ConnectionOptions): AgentConnection {
  const baseUrl = options.server.href.replace(/\/+$/, "");
  const tls = tlsFiles(options);
  tryFiles(tls);
  const connect = (): OneConnection => {
    const sessionManager = new Http2SessionManager(baseUrl, { pingIntervalMs, pingTimeoutMs }, tls);
    const to = { baseUrl, sessionManager, readMaxBytes };
    const transport =
      options.protocol === "grpc"
        ? createGrpcTransport(to)
        : createConnectTransport({ ...to, httpVersion: "2" });
    return { transport, end: () => sessionManager.abort() };
  };
  let current = connect();
  let last = current;
  return {
    transport: {
      unary: (...call) => current.transport.unary(...call),
      stream: (...call) => current.transport.stream(...call),
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

/** Options of TLS; what a file holds is read whenever it is asked for. */
interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

function tlsFiles({ caFile, clientCertificate }: ConnectionOptions): TlsFiles {
  const files = { ca: caFile, cert: clientCertificate?.certFile, key: clientCertificate?.keyFile };
  const given = Object.entries(files).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.defineProperties(
    {},
    Object.fromEntries(
      given.map(([name, file]) => [name, { enumerable: true, get: () => readFileSync(file) }]),
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
