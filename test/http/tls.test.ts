import { once } from "node:events";
import tls from "node:tls";
import { createClient, createContextValues } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { selfSigned } from "../support/certificate.ts";
import { frames, frameType, http2Opening, RawClient } from "./support/raw.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

const first = selfSigned("first");

async function peerName(port: number): Promise<string | undefined> {
  const socket = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  await once(socket, "secureConnect");
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

describe("a port with a certificate", () => {
  let server: Toy;
  beforeAll(async () => {
    const big = { status: 200, headers: { "content-type": "text/plain" }, body: "y".repeat(20_000_000) };
    const handler = { plain: { "/big": () => big } };
    server = await toyServer({ tls: first, limits: { headersTimeoutMs: 300 }, handler });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test("says https in its address", () => {
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
  });

  test.each(["1.1", "2"] as const)(
    "serves HTTP/%s by ALPN, with the certificate checked",
    async (httpVersion) => {
      const nodeOptions = { ca: first.cert };
      const transport = createConnectTransport({ baseUrl: server.url, httpVersion, nodeOptions });
      const { runner } = await createClient(RunnerService, transport).createRunner({ name: "over tls" });
      expect(runner?.name).toBe("over tls");
    },
  );

  test("serves gRPC", async () => {
    const transport = createGrpcTransport({ baseUrl: server.url, nodeOptions: { ca: first.cert } });
    const { runner } = await createClient(RunnerService, transport).createRunner({ name: "over tls" });
    expect(runner?.name).toBe("over tls");
  });

  test("serves a client without ALPN as HTTP/1.1", async () => {
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca: first.cert });
    await once(socket, "secureConnect");
    expect(socket.alpnProtocol).toBe(false);
    socket.write("GET /favicon.ico HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 404 /);
  });

  // Node's parser refuses what it is given while it is paused: see http-servers.ts.
  test("serves a request of two TLS records that comes before the answer ahead of it has left", async () => {
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca: first.cert });
    await once(socket, "secureConnect");
    socket.write("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "readable");
    const body = '{"name":"second"}';
    const head = "POST /gitpod.v1.RunnerService/CreateRunner HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    socket.write(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    const answers = Buffer.concat(chunks).toString("latin1");
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
    expect(answers.endsWith(`{"runner":${body}}`)).toBe(true);
  });

  test("tells clear-text HTTP/1.1 that it speaks TLS", async () => {
    await using client = await RawClient.connect(server.port);
    client.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    const answer = await client.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain("this port speaks TLS: use https://");
  });

  test("refuses clear-text HTTP/2 with GOAWAY, INADEQUATE_SECURITY", async () => {
    await using client = await RawClient.connect(server.port);
    client.send(http2Opening);
    const goaway = frames(await client.closed).find((frame) => frame.type === frameType.goaway);
    expect(goaway?.payload.readUInt32BE(4)).toBe(0xc);
  });

  test("closes a handshake that breaks and one that never ends", async () => {
    await using broken = await RawClient.connect(server.port);
    await using slow = await RawClient.connect(server.port);
    broken.send("\x16\x03\x01\x00\x05hello");
    slow.send("\x16\x03\x01");
    await Promise.all([broken.closed, slow.closed]);
  });
});

test("another certificate takes over without closing the port", async () => {
  await using server = await toyServer({ tls: first });
  expect(await peerName(server.port)).toBe("first");
  server.listener.setCertificate(selfSigned("second"));
  expect(await peerName(server.port)).toBe("second");
  expect(() => server.listener.setCertificate({ cert: "no", key: "no" })).toThrow();
  expect(await peerName(server.port)).toBe("second");
});

test("a bad certificate keeps the port from opening", async () => {
  await expect(toyServer({ tls: { cert: "no", key: "no" } })).rejects.toThrow();
});

test("a port without a certificate tells a TLS client so", async () => {
  await using server = await toyServer();
  const socket = tls.connect({ port: server.port, host: "127.0.0.1" });
  const [error] = await once(socket, "error");
  expect(String(error)).toMatch(/wrong version number|packet length/i);
  expect(() => server.listener.setCertificate(first)).toThrow("does not speak TLS");
});

test("a port that asks for client certificates tells handlers what was shown, also after its own was changed", async () => {
  const client = selfSigned("client");
  const shown: string[] = [];
  await using server = await toyServer({
    tls: { ...first, clientCa: client.cert },
    handler: {
      contextValues: ({ clientCertificate }) => {
        shown.push(clientCertificate.kind);
        return createContextValues();
      },
    },
  });
  const create = (own: { cert: Buffer; key: Buffer } | undefined, ca: Buffer) => {
    const transport = createGrpcTransport({ baseUrl: server.url, nodeOptions: { ca, ...own } });
    return createClient(RunnerService, transport).createRunner({ name: "known by certificate" });
  };
  for (const who of [client, undefined, selfSigned("stranger")]) {
    expect((await create(who, first.cert)).runner?.name).toBe("known by certificate");
  }
  expect(shown).toEqual(["valid", "none", "invalid"]);
  const second = selfSigned("second");
  server.listener.setCertificate({ ...second, clientCa: client.cert });
  for (const who of [client, undefined]) await create(who, second.cert);
  expect(shown.slice(3)).toEqual(["valid", "none"]);
});
