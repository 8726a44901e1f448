import { once } from "node:events";
import http2 from "node:http2";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { endHeaders, frame, h2, postBlock } from "./support/h2-frames.ts";
import { frames, frameType, http2Opening, RawClient } from "./support/raw.ts";
import { Gate, type Toy, toyServer } from "./support/toy-server.ts";

const callHead =
  "POST /gitpod.v1.RunnerService/GetRunner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const path = "/gitpod.v1.RunnerService/GetRunner";

const transports: [string, (baseUrl: string) => Transport][] = [
  ["Connect JSON over HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect JSON over HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  [
    "Connect binary",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  ],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web over HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web over HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
];

describe("a message over the limit", () => {
  test.each(transports)("is resource_exhausted in %s, and the next call works", async (_name, transport) => {
    await using server = await toyServer({ limits: { messageBytes: 64 * 1024 } });
    const client = createClient(RunnerService, transport(server.url));
    const error = await client.createRunner({ name: "x".repeat(2 * 1024 * 1024) }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    expect((await client.createRunner({ name: "small" })).runner?.name).toBe("small");
  });

  test("is refused by its declared length, before its body arrives", async () => {
    await using server = await toyServer({ limits: { messageBytes: 1024 } });
    await using client = await RawClient.connect(server.port);
    client.send(`${callHead}Content-Length: 1025\r\n\r\n`);
    const answer = await client.until("}");
    expect(answer).toMatch(/^HTTP\/1\.1 429 /);
    expect(answer).toContain('"code":"resource_exhausted"');
  });

  test("leaves no HTTP/2 stream open when the client goes on sending", async () => {
    await using server = await toyServer({ limits: { messageBytes: 1024 } });
    const session = http2.connect(server.url);
    const stream = session.request({ ":path": path, ":method": "POST", "content-type": "application/grpc" });
    stream.on("error", () => {});
    // A gRPC frame that announces 1 MiB, and never ends.
    stream.write(Buffer.from([0, 0, 16, 0, 0]));
    stream.resume();
    const closed = once(stream, "close");
    const [trailers] = await once(stream, "trailers");
    expect(trailers["grpc-status"]).toBe(String(Code.ResourceExhausted));
    await closed;
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
    session.close();
    await server.connections(0);
  });
});

test("headers over the limit are 431 on HTTP/1.1", async () => {
  await using server = await toyServer({ limits: { headerBytes: 4096 } });
  await using client = await RawClient.connect(server.port);
  client.send(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(5000)}\r\n\r\n`);
  const answer = await client.closed;
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  expect(answer).toContain('"code":"resource_exhausted"');
});

test("headers over the limit reset the HTTP/2 stream with ENHANCE_YOUR_CALM, and the connection lives on", async () => {
  await using server = await toyServer({ limits: { headerBytes: 4096 } });
  const session = http2.connect(server.url);
  const [settings] = await once(session, "remoteSettings");
  expect(settings.maxHeaderListSize).toBe(4096);
  const large = session.request({ ":path": path, "x-large": "x".repeat(5000) });
  const [error] = await once(large, "error");
  expect(error.message).toContain("ENHANCE_YOUR_CALM");
  const next = session.request({ ":path": "/nothing" });
  const [headers] = await once(next, "response");
  expect(headers[":status"]).toBe(404);
  session.destroy();
});

test("streams over the limit are refused, so that a client may send them again", async () => {
  await using server = await toyServer({ limits: { streamsPerConnection: 2 } });
  await using client = await RawClient.connect(server.port);
  client.send(http2Opening);
  await client.until("\x00\x00\x00\x04\x01");
  const block = postBlock(path, "application/json");
  client.send(Buffer.concat([1, 3, 5].map((id) => frame(h2.headers, endHeaders, id, block))));
  const received = await client.until("\x00\x00\x04\x03\x00\x00\x00\x00\x05");
  const reset = frames(received).find((frame) => frame.type === frameType.rstStream);
  expect(reset?.stream).toBe(5);
  await client.until("\x00\x00\x00\x07");
  client.socket.destroy();
});

describe("connections over the limit", () => {
  const full = async (): Promise<{ server: Toy; first: RawClient }> => {
    const server = await toyServer({ limits: { connections: 1 } });
    const first = await RawClient.connect(server.port);
    // A call that the gate lets in: the connection is no stranger's.
    first.send(`${callHead}Content-Length: 2\r\n\r\n{}`);
    await first.until("{}");
    return { server, first };
  };

  test("are told so: 503 on HTTP/1.1, GOAWAY with ENHANCE_YOUR_CALM on HTTP/2", async () => {
    const { server, first } = await full();
    await using _server = server;
    await using _first = first;
    await using h1 = await RawClient.connect(server.port);
    h1.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    const answer = await h1.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toContain("too many connections");
    await using h2 = await RawClient.connect(server.port);
    h2.send(http2Opening);
    const goaway = frames(await h2.closed).find((frame) => frame.type === frameType.goaway);
    expect(goaway?.payload.readUInt32BE(4)).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });

  test("are served again once one has closed", async () => {
    const { server, first } = await full();
    await using _server = server;
    await first[Symbol.asyncDispose]();
    await server.connections(0);
    await using next = await RawClient.connect(server.port);
    next.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await next.until("}\n")).toMatch(/^HTTP\/1\.1 404 /);
  });

  test("far above it are dropped without a word", async () => {
    const { server, first } = await full();
    await using _server = server;
    await using _first = first;
    const waiting = await Promise.all(Array.from({ length: 64 }, () => RawClient.connect(server.port)));
    await server.connections(65);
    await using dropped = await RawClient.connect(server.port);
    expect(await dropped.closed).toBe("");
    await Promise.all(waiting.map((client) => client[Symbol.asyncDispose]()));
  });
});

describe("time limits", () => {
  test("HTTP/1.1 headers that trickle are 408", async () => {
    await using server = await toyServer({ limits: { headersTimeoutMs: 60 } });
    await using client = await RawClient.connect(server.port);
    client.send("GET /healthz HTTP/1.1\r\nX-Slow:");
    const answer = await client.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain("headers took too long");
  });

  test("an HTTP/1.1 body that never ends is 408", async () => {
    await using server = await toyServer({ limits: { requestTimeoutMs: 60 } });
    await using client = await RawClient.connect(server.port);
    client.send(`${callHead}Content-Length: 100\r\n\r\n{`);
    expect(await client.closed).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("an HTTP/2 body that never ends loses its stream, not its session", async () => {
    await using server = await toyServer({ limits: { requestTimeoutMs: 60 } });
    const session = http2.connect(server.url);
    const slow = session.request({
      ":method": "POST",
      ":path": "/x.Y/Z",
      "content-type": "application/grpc",
    });
    slow.on("error", () => {});
    slow.write("x");
    await new Promise((resolve) => slow.once("close", resolve));
    expect(slow.rstCode).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const next = session.request({ ":path": "/nothing" }).resume();
    const [headers] = await once(next, "response");
    expect(headers[":status"]).toBe(404);
    session.destroy();
    await server.connections(0);
  });

  test("idle connections are closed: HTTP/1.1 by the end of the stream, HTTP/2 by GOAWAY", async () => {
    await using server = await toyServer({ limits: { idleTimeoutMs: 60 } });
    await using h1 = await RawClient.connect(server.port);
    await using h2 = await RawClient.connect(server.port);
    h1.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    h2.send(http2Opening);
    expect(await h1.closed).toMatch(/^HTTP\/1\.1 404 /);
    const goaway = frames(await h2.closed).find((frame) => frame.type === frameType.goaway);
    expect(goaway?.payload.readUInt32BE(4)).toBe(http2.constants.NGHTTP2_NO_ERROR);
  });

  test("a connection with a live stream is never idle, however quiet it is", async () => {
    const gate = new Gate();
    await using server = await toyServer({ gate, limits: { idleTimeoutMs: 40 } });
    const clients = [
      createGrpcTransport({ baseUrl: server.url }),
      createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" }),
    ];
    const streams = clients.map((transport) =>
      createClient(EventService, transport).watchEvents({})[Symbol.asyncIterator](),
    );
    for (const stream of streams) await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(server.listener.connections()).toBe(2);
    gate.open();
    for (const stream of streams) expect((await stream.next()).value?.resourceId).toBe("last");
    for (const stream of streams) expect((await stream.next()).done).toBe(true);
    await server.connections(0);
  });
});
