import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { readFailure } from "../../src/agent/failure.ts";
import {
  type AgentConnection,
  AgentEndError,
  type AgentProtocol,
  agentProtocols,
  type ConnectionOptions,
  openConnection,
} from "../../src/agent/index.ts";
import { proxyFor } from "../../src/agent/proxy.ts";
import { authority, selfSigned } from "../support/certificate.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import { ConnectProxy } from "./support/proxy.ts";

const own = selfSigned("server");

let dir: string;
let servers: TestServer[];
let proxies: ConnectProxy[];
let connections: AgentConnection[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-proxy-"));
  writeFileSync(join(dir, "cert"), own.cert);
  writeFileSync(join(dir, "key"), own.key);
  servers = [];
  proxies = [];
  connections = [];
});
afterEach(async () => {
  for (const connection of connections) connection.reset();
  for (const proxy of proxies) await proxy.close();
  for (const server of servers) await server.close();
  rmSync(dir, { recursive: true });
});

async function serve(scheme: "http" | "https"): Promise<URL> {
  const tls = { certFile: join(dir, "cert"), keyFile: join(dir, "key"), clientCaFile: null };
  const server = await startTestServer(scheme === "https" ? { config: { tls } } : {});
  servers.push(server);
  return new URL(server.url);
}

async function openProxy(...own: Parameters<typeof ConnectProxy.open>): Promise<ConnectProxy> {
  const proxy = await ConnectProxy.open(...own);
  proxies.push(proxy);
  return proxy;
}

function connectTo(server: URL, protocol: AgentProtocol, more: Partial<ConnectionOptions>): AgentConnection {
  const connection = openConnection({ server, protocol, ...more });
  connections.push(connection);
  return connection;
}

const options = { headers: { authorization: `Bearer ${adminToken}` }, timeoutMs: 10_000 };
const list = ({ transport }: AgentConnection) =>
  createClient(RunnerService, transport).listRunners({}, options);

const ways = agentProtocols.flatMap((protocol) =>
  (["http", "https"] as const).map((scheme) => ({ protocol, scheme })),
);

test.each(ways)(
  "calls run through a tunnel of the proxy: $protocol by $scheme",
  async ({ protocol, scheme }) => {
    const [server, proxy] = [await serve(scheme), await openProxy()];
    const environment = { [`${scheme}_proxy`]: proxy.url("agent:p%40ss@") };
    const caFile = join(dir, "cert");
    const connection = connectTo(server, protocol, { environment, caFile });
    // More than fits into the buffers on the way, in both directions.
    const name = "n".repeat(60);
    const client = createClient(RunnerService, connection.transport);
    for (let count = 0; count < 3; count += 1)
      await client.createRunner({ name: `${name}${count}`, provider: RunnerProvider.GCP }, options);
    expect((await client.listRunners({}, options)).runners).toHaveLength(3);
    const authorization = `Basic ${Buffer.from("agent:p@ss").toString("base64")}`;
    expect(proxy.asked).toEqual([{ target: server.host, authorization }]);
    connection.reset();
    expect((await list(connection)).runners).toHaveLength(3);
    expect(proxy.asked).toHaveLength(2);
  },
);

test("a proxy may speak TLS itself", async () => {
  const [server, proxy] = [await serve("http"), await openProxy(own)];
  // The server is plain: the authority counts for the proxy alone.
  const connection = connectTo(server, "grpc", {
    environment: { HTTP_PROXY: proxy.url() },
    caFile: join(dir, "cert"),
  });
  expect((await list(connection)).runners).toEqual([]);
  expect(proxy.asked).toHaveLength(1);
});

test("an exception of NO_PROXY is reached without the proxy", async () => {
  const [server, proxy] = [await serve("http"), await openProxy()];
  const environment = { HTTP_PROXY: proxy.url(), NO_PROXY: "127.0.0.0/8" };
  expect((await list(connectTo(server, "grpc", { environment }))).runners).toEqual([]);
  expect(proxy.asked).toEqual([]);
});

test.each(ways)("says what the proxy refuses: $protocol by $scheme", async ({ protocol, scheme }) => {
  const [server, proxy] = [await serve(scheme), await openProxy()];
  proxy.status = 407;
  const environment = { HTTP_PROXY: proxy.url(), HTTPS_PROXY: proxy.url() };
  const connection = connectTo(server, protocol, { environment, caFile: join(dir, "cert") });
  await expect(list(connection)).rejects.toThrow(/proxy 127\.0\.0\.1:\d+ refuses to connect to .*: HTTP 407/);
  proxy.status = 200;
  connection.reset();
  expect((await list(connection)).runners).toEqual([]);
});

test("says that the proxy cannot be reached", async () => {
  const connection = connectTo(await serve("http"), "grpc", { environment: { http_proxy: "127.0.0.1:1" } });
  await expect(list(connection)).rejects.toThrow(/proxy 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/);
});

test("trusts what SSL_CERT_FILE names, and with --ca that alone", async () => {
  const server = await serve("https");
  const environment = { SSL_CERT_FILE: join(dir, "cert") };
  expect((await list(connectTo(server, "grpc", { environment }))).runners).toEqual([]);
  await expect(list(connectTo(server, "grpc", {}))).rejects.toThrow(/self-signed certificate/);
  writeFileSync(join(dir, "other"), authority("other").cert);
  const caFile = join(dir, "other");
  await expect(list(connectTo(server, "grpc", { environment, caFile }))).rejects.toThrow(/self-signed/);
  const missing = { environment: { SSL_CERT_FILE: join(dir, "none") } };
  expect(() => openConnection({ server, protocol: "grpc", ...missing })).toThrow(/ENOENT.*none/);
});

test("says in one line that the server speaks no TLS", async () => {
  const server = await serve("http");
  server.protocol = "https:";
  const failure = await list(connectTo(server, "grpc", {})).catch(readFailure);
  expect(failure).toMatchObject({ kind: "retry", why: expect.stringContaining("does not speak TLS") });
  expect(failure).toMatchObject({ why: expect.not.stringContaining("\n") });
});

const proxied = { https_proxy: "http://secure:1", HTTPS_PROXY: "http://upper:1", HTTP_PROXY: "plain:3128" };

test.each([
  ["https://rollcall.example", proxied, "http://secure:1/"],
  ["http://rollcall.example", proxied, "http://plain:3128/"],
  ["https://rollcall.example", { HTTPS_PROXY: " https://p.example " }, "https://p.example/"],
  ["https://rollcall.example", { HTTP_PROXY: "plain:3128" }, null],
  ["https://rollcall.example", { https_proxy: "", HTTPS_PROXY: "upper:1" }, "http://upper:1/"],
  ...[
    ["https://rollcall.example", "*", true],
    ["https://rollcall.example", "other.example, ROLLCALL.example", true],
    ["https://eu.rollcall.example", "rollcall.example", true],
    ["https://eu.rollcall.example", ".rollcall.example", true],
    ["https://eu.rollcall.example", "*.rollcall.example", true],
    ["https://notrollcall.example", "rollcall.example", false],
    ["https://rollcall.example", "rollcall.example:443", true],
    ["https://rollcall.example:8443", "rollcall.example:443", false],
    ["https://10.1.2.3", "10.0.0.0/8", true],
    ["https://11.1.2.3", "10.0.0.0/8", false],
    ["https://10.1.2.3", "10.1.2.3:443 elsewhere", true],
    ["https://10.1.2.3", "2.3", false],
    ["https://[2001:db8::1]", "2001:db8::/32", true],
    ["https://[2001:db8::1]", "[2001:DB8:0::1]:443", true],
    ["https://[2001:db8::1]", "2001:db8::2", false],
    ["https://rollcall.example", ",,/,10.0.0.0/99,[::1,:80", false],
  ].map(([server, exceptions, direct]) => [
    server,
    { HTTPS_PROXY: "http://p:1", NO_PROXY: exceptions },
    direct ? null : "http://p:1/",
  ]),
] as [string, Record<string, string>, string | null][])(
  "%s with %j goes by %s",
  (server, environment, proxy) => {
    expect(proxyFor(new URL(server), environment)?.href ?? null).toBe(proxy);
  },
);

test.each(["socks5://p:1080", "http://", "http://p:99999", "a b"])("names the variable of %j", (text) => {
  const ask = () => proxyFor(new URL("https://rollcall.example"), { HTTPS_PROXY: text });
  expect(ask).toThrow(AgentEndError);
  expect(ask).toThrow(/HTTPS_PROXY names no proxy/);
});
