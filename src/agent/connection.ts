import { readFileSync } from "node:fs";
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { unusable } from "./state-files.ts";

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
}

const pingIntervalMs = 15_000;
const pingTimeoutMs = 5_000;
/** Far above every answer of the protocol. */
const readMaxBytes = 4 * 1024 * 1024;

/** @throws AgentEndError STATE_UNUSABLE when the CA file cannot be read */
export function openConnection(options: ConnectionOptions): AgentConnection {
  const baseUrl = options.server.href.replace(/\/+$/, "");
  const tls = options.caFile === undefined ? {} : { ca: readCa(options.caFile) };
  const sessionManager = new Http2SessionManager(baseUrl, { pingIntervalMs, pingTimeoutMs }, tls);
  const transport =
    options.protocol === "grpc"
      ? createGrpcTransport({ baseUrl, sessionManager, readMaxBytes })
      : createConnectTransport({ baseUrl, sessionManager, readMaxBytes, httpVersion: "2" });
  return { transport, reset: () => sessionManager.abort() };
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

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw unusable(file, error);
  }
}
