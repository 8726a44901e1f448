import { Code, ConnectError } from "@connectrpc/connect";
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endHeaders, endStream, frame, h2, headerBlock } from "./support/h2-frames.ts";
import { frames, frameType, http2Opening, RawClient } from "./support/raw.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

// A status of gRPC in headers must end the stream with them (doc/PROTOCOL-HTTP2.md of gRPC, "Trailers-Only"): behind an
// empty DATA frame grpc-go reads INTERNAL, and grpcio UNKNOWN.

let server: Toy;
beforeAll(async () => {
  const requestGate = async () => {
    throw new ConnectError("no", Code.Unavailable);
  };
  server = await toyServer({ handler: { requestGate, cors: { origins: ["https://console.example"] } } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** The frames of the answer to a call whose request has ended, or has not. */
async function answered(path: string, contentType: string, ended: boolean) {
  await using client = await RawClient.connect(server.port);
  const pseudo = { ":method": "POST", ":scheme": "http", ":path": path, ":authority": "x" };
  const block = headerBlock({ ...pseudo, "content-type": contentType, origin: "https://console.example" });
  client.send(
    Buffer.concat([http2Opening, frame(h2.headers, endHeaders | (ended ? endStream : 0), 1, block)]),
  );
  for (;;) {
    const mine = frames(await client.more()).filter(({ stream }) => stream === 1);
    if (mine.some(({ flags, type }) => type !== frameType.rstStream && (flags & endStream) !== 0))
      return mine;
  }
}

const unknown = "/gitpod.v1.RunnerService/Nope";
test.each([
  ["an unknown procedure over gRPC", unknown, "application/grpc"],
  ["an unknown procedure over gRPC in JSON", unknown, "application/grpc+json"],
  ["an unknown procedure over gRPC-Web", unknown, "application/grpc-web+proto"],
  ["a path that is none, over gRPC", "/nothing/here/at/all", "application/grpc"],
])("%s: one HEADERS frame, which ends the stream", async (_what, path, type) => {
  for (const ended of [true, false]) {
    const [first, ...more] = await answered(path, type, ended);
    expect([first?.type, (first?.flags ?? 0) & endStream]).toEqual([frameType.headers, endStream]);
    expect(more.filter((each) => each.type === frameType.data)).toEqual([]);
  }
});

test.each([
  ["a unary call", "/gitpod.v1.RunnerService/CreateRunner"],
  ["a stream", "/gitpod.v1.EventService/WatchEvents"],
])("%s that the gate refuses ends with a HEADERS frame too", async (_what, path) => {
  const all = await answered(path, "application/grpc", true);
  expect(all.filter(({ flags }) => (flags & endStream) !== 0).map(({ type }) => type)).toEqual([
    frameType.headers,
  ]);
  expect(all.at(-1)?.type).toBe(frameType.headers);
});

test("grpc-js reads UNIMPLEMENTED, with the message", async () => {
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  const error = await new Promise((resolve) => {
    client.makeUnaryRequest(unknown, asIs, asIs, Buffer.alloc(0), resolve);
  });
  client.close();
  expect(error).toMatchObject({ code: status.UNIMPLEMENTED, details: `unknown procedure ${unknown}` });
});
