import http from "node:http";
import https from "node:https";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";

/** How a client speaks: protocol, codec and HTTP version. */
export const wires = [
  "connect-json 1.1",
  "connect-json 2",
  "connect-binary 1.1",
  "connect-binary 2",
  "connect-get 1.1",
  "connect-get 2",
  "grpc 2",
  "grpc-web 1.1",
  "grpc-web 2",
] as const;
export type Wire = (typeof wires)[number];

export interface ClientOptions {
  readonly wire?: Wire;
  /** Null sends no Authorization header. */
  readonly token: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Clients of one server, and the connections that they share. */
export interface Clients {
  client<T extends DescService>(service: T, options: ClientOptions): Client<T>;
  /** Closes every connection. */
  close(): void;
}

/** Who a client trusts and what it shows, under TLS: PEM texts. */
export interface ClientTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export function clientsOf(baseUrl: string, tls?: ClientTls): Clients {
  const agent = tls ? new https.Agent({ keepAlive: true, ...tls }) : new http.Agent({ keepAlive: true });
  const sessionManager = new Http2SessionManager(baseUrl, {}, tls);
  return {
    client(service, { wire = "grpc 2", token, headers = {} }) {
      const interceptors = [sendHeaders(token, headers)];
      return createClient(service, transportOf(wire, { baseUrl, agent, sessionManager, interceptors }));
    },
    close() {
      agent.destroy();
      sessionManager.abort();
    },
  };
}

interface Parts {
  readonly baseUrl: string;
  readonly agent: http.Agent;
  readonly sessionManager: Http2SessionManager;
  readonly interceptors: Interceptor[];
}

function transportOf(wire: Wire, { baseUrl, agent, sessionManager, interceptors }: Parts): Transport {
  const [protocol, version] = wire.split(" ");
  const over =
    version === "2"
      ? ({ httpVersion: "2", sessionManager } as const)
      : ({ httpVersion: "1.1", nodeOptions: { agent } } as const);
  const common = { baseUrl, interceptors, ...over };
  switch (protocol) {
    case "grpc":
      return createGrpcTransport({ baseUrl, interceptors, sessionManager });
    case "grpc-web":
      return createGrpcWebTransport(common);
    case "connect-get":
      return createConnectTransport({ ...common, useBinaryFormat: false, useHttpGet: true });
    default:
      return createConnectTransport({ ...common, useBinaryFormat: protocol === "connect-binary" });
  }
}

function sendHeaders(token: string | null, headers: Readonly<Record<string, string>>): Interceptor {
  return (next) => (request) => {
    if (token !== null) request.header.set("authorization", `Bearer ${token}`);
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
}
