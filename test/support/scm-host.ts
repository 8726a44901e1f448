import https from "node:https";
import type { AddressInfo } from "node:net";
import { type KeyPair, selfSigned } from "./certificate.ts";

export interface HostRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface HostReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
}

/** A source-code host on this machine, behind TLS, that a test answers for. */
export interface ScmHost {
  /** Name and port. */
  readonly host: string;
  readonly certificate: KeyPair;
  readonly seen: HostRequest[];
  /** What is not there is 404. */
  reply: (request: HostRequest) => HostReply | undefined;
  close(): Promise<void>;
}

export async function scmHost(certificate = selfSigned("scm host")): Promise<ScmHost> {
  const server = https.createServer({ cert: certificate.cert, key: certificate.key }, (req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? "/", "https://host");
    const request = { path: decodeURI(pathname), query: searchParams, headers: req.headers };
    host.seen.push(request);
    const {
      status = 200,
      headers = {},
      body = {},
    } = host.reply(request) ?? { status: 404, body: { message: "Not Found" } };
    res.writeHead(status, { "content-type": "application/json", ...headers });
    res.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host: ScmHost = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate,
    seen: [],
    reply: () => undefined,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return host;
}
