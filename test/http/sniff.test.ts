import { describe, expect, test } from "vitest";
import { wireOf } from "../../src/http/connections/sniff.ts";
import { frames, frameType, http2Opening, RawClient } from "./support/raw.ts";
import { toyServer } from "./support/toy-server.ts";

const request = "GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n";

describe("wireOf", () => {
  test.each([
    ["", undefined],
    ["P", undefined],
    ["PR", undefined],
    ["PRI * HTTP/2.", undefined],
    ["PRI * HTTP/2.0", "http2"],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"],
    ["PRI * HTTP/1", "http1"],
    ["PO", "http1"],
    ["PRx", "http1"],
    ["GET / HTTP/1.1", "http1"],
    ["\x16", "tls"],
    ["\x16\x03\x01", "tls"],
    ["\x00", "http1"],
  ])("%j is %s", (head, wire) => {
    expect(wireOf(Buffer.from(head, "latin1"))).toBe(wire);
  });
});

describe("a connection", () => {
  test.each([1, 2, 3, 13, 14, 15, 23])(
    "speaks HTTP/2 when its preface is split after byte %i",
    async (at) => {
      await using server = await toyServer();
      await using client = await RawClient.connect(server.port);
      client.socket.setNoDelay(true);
      client.send(http2Opening.subarray(0, at));
      await new Promise((resolve) => setTimeout(resolve, 5));
      client.send(http2Opening.subarray(at));
      const received = await client.until("\x00\x00\x00\x04\x01");
      expect(frames(received)[0]).toMatchObject({ type: frameType.settings, stream: 0 });
    },
  );

  test("speaks HTTP/2 and HTTP/1.1 when its bytes come one by one", async () => {
    await using server = await toyServer();
    await using h2 = await RawClient.connect(server.port);
    await using h1 = await RawClient.connect(server.port);
    for (const byte of http2Opening) {
      h2.send(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    for (const char of request.replace("GET", "POST")) {
      h1.send(char);
      await new Promise(setImmediate);
    }
    expect(frames(await h2.until("\x00\x00\x00\x04\x01"))[0]?.type).toBe(frameType.settings);
    expect(await h1.until("}\n")).toMatch(/^HTTP\/1\.1 404 /);
  });

  test("that spoke in time is served when the event loop stood still past the headers timeout", async () => {
    await using server = await toyServer({ limits: { headersTimeoutMs: 20 } });
    await using client = await RawClient.connect(server.port);
    await server.connections(1);
    client.send(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    const stillUntil = performance.now() + 60;
    while (performance.now() < stillUntil);
    expect(await client.closed).toMatch(/^HTTP\/1\.1 404 /);
  });

  test("that never says anything is closed after the headers timeout", async () => {
    await using server = await toyServer({ limits: { headersTimeoutMs: 50 } });
    await using client = await RawClient.connect(server.port);
    expect(await client.closed).toBe("");
    await server.connections(0);
  });

  test("that stops in the middle of the preface is closed after the headers timeout", async () => {
    await using server = await toyServer({ limits: { headersTimeoutMs: 50 } });
    await using client = await RawClient.connect(server.port);
    client.send("PRI * HT");
    expect(await client.closed).toBe("");
  });

  test("that ends its side before it said enough is closed", async () => {
    await using server = await toyServer();
    await using silent = await RawClient.connect(server.port, { allowHalfOpen: true });
    await using short = await RawClient.connect(server.port, { allowHalfOpen: true });
    silent.socket.end();
    short.socket.end("PRI");
    await Promise.all([silent.closed, short.closed]);
    await server.connections(0);
  });

  test("that breaks while it is sniffed leaves nothing behind", async () => {
    await using server = await toyServer();
    await using client = await RawClient.connect(server.port);
    client.send("PR");
    client.socket.resetAndDestroy();
    await client.closed;
    await using next = await RawClient.connect(server.port);
    next.send(request);
    await next.until("}\n");
    await server.connections(1);
  });

  test("that half-closes after an HTTP/1.1 request still gets the answer", async () => {
    await using server = await toyServer();
    await using client = await RawClient.connect(server.port, { allowHalfOpen: true });
    client.socket.end(request);
    await client.until("}\n");
    client.socket.end();
    await client.closed;
    await server.connections(0);
  });

  test("that half-closes HTTP/2 is closed", async () => {
    await using server = await toyServer();
    await using client = await RawClient.connect(server.port, { allowHalfOpen: true });
    client.send(http2Opening);
    await client.until("\x00\x00\x00\x04\x01");
    client.socket.end();
    await client.closed;
    await server.connections(0);
  });

  test("that sends a preface that goes wrong later is told so and closed", async () => {
    await using server = await toyServer();
    await using client = await RawClient.connect(server.port);
    client.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n123456789");
    await client.closed;
    await server.connections(0);
  });

  test("that sends garbage gets 400 and is closed", async () => {
    await using server = await toyServer();
    await using client = await RawClient.connect(server.port);
    client.send("\x00\x01garbage\r\n\r\n");
    const answer = await client.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"invalid_argument"');
  });
});
