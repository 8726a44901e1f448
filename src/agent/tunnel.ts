import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { hostOf, portOf } from "./proxy.ts";

/** How long a proxy has to open the way to the server, in milliseconds. */
const patienceMs = 10_000;

/** What a tunnel goes through. */
export interface Proxy {
  readonly url: URL;
  /** Authorities to trust when the proxy itself speaks TLS; Node's own when unset. */
  readonly ca?: string | Buffer | (string | Buffer)[];
}

/**
 * A connection to a server through a proxy (RFC 9110, CONNECT), for http and https alike: the proxy only passes bytes on.
 * @throws Error that names the proxy, when it cannot be reached or refuses
 */
export function openTunnel({ url, ca }: Proxy, server: URL, signal?: AbortSignal): Promise<Socket> {
  const to = `${server.hostname}:${portOf(server)}`;
  const secret = [url.username, url.password].map((part) => decodeURIComponent(part)).join(":");
  const request = (url.protocol === "https:" ? https : http).request({
    method: "CONNECT",
    host: hostOf(url),
    port: portOf(url),
    path: to,
    headers: {
      host: to,
      ...(secret !== ":" && { "proxy-authorization": `Basic ${Buffer.from(secret).toString("base64")}` }),
    },
    agent: false,
    timeout: patienceMs,
    ...(ca !== undefined && { ca }),
  });
  const at = `the proxy ${url.host}`;
  // Not the request's own option: Connect aborts the signal of a call that has its answer, which would end the tunnel.
  const onAbort = (): void => void request.destroy(new Error("was stopped"));
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  return new Promise<Socket>((resolve, reject) => {
    request.once("timeout", () => request.destroy(new Error(`no answer within ${patienceMs / 1_000} s`)));
    request.on("error", (error) => reject(new Error(`${at} cannot be used: ${error.message}`)));
    request.once("connect", ({ statusCode = 0 }, socket: Socket, head: Buffer) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        reject(new Error(`${at} refuses to connect to ${to}: HTTP ${statusCode}`));
        return;
      }
      socket.setTimeout(0);
      socket.setNoDelay(true);
      // The session that takes it over has its own listener.
      socket.on("error", () => {});
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.end();
  }).finally(() => signal?.removeEventListener("abort", onAbort));
}
