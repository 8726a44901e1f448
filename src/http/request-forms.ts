import type { IncomingHttpHeaders } from "node:http";
import { parseTimeout as parseConnectTimeout } from "@connectrpc/connect/protocol-connect";
import { parseTimeout as parseGrpcTimeout } from "@connectrpc/connect/protocol-grpc";
import { longestTimerMs } from "../lib/clock.ts";
import type { NodeServerRequest } from "./node-http.ts";

// HTTP lets a client say one thing in several ways, and Connect reads one of them. Here the others are put into that one.

/**
 * Stands for the name that a client has for this server, in URLs that are made of a request. What the client says, in `Host`
 * or `:authority`, need not fit into a URL (a path of a Unix socket, several addresses, nothing in HTTP/1.0), and nothing
 * here depends on it.
 */
export const anyHost = "localhost";

/** A request target with a scheme and a host ahead of its path, as clients send it to proxies (RFC 9112, section 3.2.2). */
const absoluteForm = /^https?:\/\/[^/?#]*/i;

/** The path and the query of a request target, in whichever form it was sent. */
export function originForm(target: string): string {
  if (target.startsWith("/")) return target;
  const rest = target.replace(absoluteForm, "");
  return rest.startsWith("/") || rest === target ? rest : `/${rest}`;
}

/**
 * What is wrong with the `Host` of a request of HTTP/1.1, which no server may accept then (RFC 9112, section 3.2); null for
 * nothing. On HTTP/2 Node sees to it.
 */
export function wrongHost(rawHeaders: readonly string[]): string | null {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length !== 4 || name.toLowerCase() !== "host") continue;
    hosts += 1;
    if (noHost.test(rawHeaders[at + 1] ?? "")) return "the Host header is not a host";
  }
  return hosts > 1 ? "the request has more than one Host header" : null;
}

/** A name may be much, but not what ends one in a URL, nor blanks. */
const noHost = /[\s/?#\\]/;

const encodingHeaders = ["content-encoding", "connect-content-encoding", "grpc-encoding"] as const;
const timeoutHeaders = [
  ["grpc-timeout", parseGrpcTimeout],
  ["connect-timeout-ms", parseConnectTimeout],
] as const;

/** Puts the headers of a request into the forms that Connect reads. */
export function normalizeHeaders(req: NodeServerRequest): void {
  const headers: IncomingHttpHeaders = req.headers;
  const type = headers["content-type"];
  if (type !== undefined) headers["content-type"] = plainType(type);
  for (const name of encodingHeaders) {
    const coding = headers[name];
    if (typeof coding === "string") headers[name] = plainCoding(coding);
  }
  for (const [name, parse] of timeoutHeaders) {
    const sent = headers[name];
    const { timeoutMs = 0 } = typeof sent === "string" ? parse(sent, Number.MAX_SAFE_INTEGER) : {};
    if (timeoutMs > longestTimerMs) {
      headers[name] = name === "grpc-timeout" ? `${Math.floor(longestTimerMs / 1000)}S` : `${longestTimerMs}`;
    }
  }
}

/** `application/json` with any parameters: they change nothing, but for a charset, which has to be the one of JSON. */
const rpcType = /^\s*(application\/(?:json|proto|connect\+\w+|grpc(?:-web(?:-text)?)?(?:\+\w+)?))\s*;(.*)$/i;

function plainType(type: string): string {
  const [, media, parameters = ""] = rpcType.exec(type) ?? [];
  if (media === undefined) return type;
  const [, charset = "utf-8"] = /(?:^|;)\s*charset\s*=\s*"?([^";]*)"?\s*(?:;|$)/i.exec(parameters) ?? [];
  return /^(utf-?8|us-ascii)$/i.test(charset.trim()) ? media : type;
}

/** Names of codings have no case, and gzip has another one (RFC 9110, section 8.4.1). */
function plainCoding(coding: string): string {
  const name = coding.trim().toLowerCase();
  return name === "x-gzip" ? "gzip" : name;
}
