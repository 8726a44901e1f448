import { once } from "node:events";
import http2 from "node:http2";
import { afterEach, expect, test } from "vitest";
import type { Limits } from "../../src/domain/limits/connection-limits.ts";
import { endHeaders, endStream, frame, getBlock, h2, uint32 } from "./support/h2-frames.ts";
import { frames, http2Opening, RawClient } from "./support/raw.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

let server: Toy;
let neighbour: http2.ClientHttp2Session;
const start = async (limits: Partial<Limits> = {}) => {
  server = await toyServer({ limits });
  neighbour = http2.connect(server.url);
  await served();
};
/** A client that behaves itself, on a connection of its own. */
async function served(): Promise<void> {
  const stream = neighbour.request({ ":path": "/nothing" }).resume();
  const [headers] = await once(stream, "response");
  expect(headers[":status"]).toBe(404);
  await once(stream, "close");
}
const goawayCode = (received: string) =>
  frames(received)
    .find(({ type }) => type === h2.goaway)
    ?.payload.readUInt32BE(4);
const calm = http2.constants.NGHTTP2_ENHANCE_YOUR_CALM;
const repeated = (count: number, make: (index: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

afterEach(async () => {
  neighbour.destroy();
  await server[Symbol.asyncDispose]();
});

test.each([
  ["PING", () => frame(h2.ping, 0, 0, Buffer.alloc(8))],
  ["SETTINGS", () => frame(h2.settings, 0, 0)],
])("a flood of %s frames ends with ENHANCE_YOUR_CALM, and the neighbour is served", async (_name, make) => {
  await start();
  await using client = await RawClient.connect(server.port);
  client.send(http2Opening);
  await client.until("\x00\x00\x00\x04\x01");
  client.send(repeated(3000, make));
  await served();
  expect(goawayCode(await client.closed)).toBe(calm);
  await served();
  await server.connections(1);
});

test("pings between calls are no flood: clients measure their bandwidth with them", async () => {
  await start();
  const ping = () => new Promise((resolve) => neighbour.ping(resolve));
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < 400; i += 1) await ping();
    await served();
  }
});

test("rapid reset closes the connection (CVE-2023-44487)", async () => {
  await start();
  await using client = await RawClient.connect(server.port);
  client.send(http2Opening);
  const block = getBlock("/nothing");
  client.send(
    repeated(5000, (index) =>
      Buffer.concat([
        frame(h2.headers, endHeaders | endStream, 2 * index + 1, block),
        frame(h2.rstStream, 0, 2 * index + 1, uint32(http2.constants.NGHTTP2_CANCEL)),
      ]),
    ),
  );
  await served();
  await client.closed;
  await served();
  await server.connections(1);
});

test("a header block of endless CONTINUATION frames closes the connection (CVE-2024-27983)", async () => {
  await start();
  await using client = await RawClient.connect(server.port);
  client.send(http2Opening);
  client.send(frame(h2.headers, endStream, 1, getBlock("/nothing")));
  client.send(repeated(1000, () => frame(h2.continuation, 0, 1, Buffer.from([0x00, 1, 0x61, 1, 0x62]))));
  await client.closed;
  await served();
  await server.connections(1);
});

test("frames that break the protocol close the connection", async () => {
  await start();
  await using client = await RawClient.connect(server.port);
  client.send(http2Opening);
  client.send(repeated(2000, () => frame(h2.windowUpdate, 0, 0, uint32(0))));
  await client.closed;
  await served();
});

test("a flood of WINDOW_UPDATE frames leaves the neighbour served", async () => {
  await start();
  await using client = await RawClient.connect(server.port);
  client.send(http2Opening);
  client.send(repeated(50_000, () => frame(h2.windowUpdate, 0, 0, uint32(1))));
  for (let i = 0; i < 10; i += 1) await served();
});

test("an answer that the client opens no window for is taken back", async () => {
  await start({ requestTimeoutMs: 50 });
  await using client = await RawClient.connect(server.port);
  // SETTINGS_INITIAL_WINDOW_SIZE (4) is 0.
  const settings = frame(h2.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
  client.send(Buffer.concat([http2Opening, settings]));
  client.send(frame(h2.headers, endHeaders | endStream, 1, getBlock("/nothing")));
  const received = await client.until("\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x0b");
  expect(frames(received).find(({ type }) => type === h2.headers)?.stream).toBe(1);
  await served();
});

test("HTTP/2 headers that trickle in lose their connection, the neighbour is served", async () => {
  await start({ idleTimeoutMs: 80 });
  await using client = await RawClient.connect(server.port);
  client.send(http2Opening);
  client.send(frame(h2.headers, endStream, 1, getBlock("/nothing").subarray(0, 4)));
  await client.closed;
});

test("a hundred slow clients of HTTP/1.1 are cut off, the neighbour is served meanwhile", async () => {
  await start({ headersTimeoutMs: 500 });
  const beginning = async () => {
    const client = await RawClient.connect(server.port);
    client.send("POST / HTTP/1.1\r\nX-Slow: a");
    return client;
  };
  const slow = await Promise.all(Array.from({ length: 100 }, beginning));
  await served();
  for (const client of slow) expect(await client.closed).toMatch(/^HTTP\/1\.1 408 /);
  await served();
  await server.connections(1);
});
