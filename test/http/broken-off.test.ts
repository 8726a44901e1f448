import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { endHeaders, endStream, frame, h2, postBlock, uint32 } from "./support/h2-frames.ts";
import { http2Opening, RawClient } from "./support/raw.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

// The first bytes of a message in protobuf may be a message too, one that says less: a request that was broken off must
// not be carried out as far as it came.

const block = postBlock("/gitpod.v1.RunnerService/DeleteRunner", "application/proto");
/** `runner_id: "A"`; what would have come next is not known. */
const part = Buffer.from([0x0a, 1, 0x41]);

const http2Breaks: Record<string, (client: RawClient) => unknown> = {
  "RST_STREAM with CANCEL": (client) => client.send(frame(h2.rstStream, 0, 1, uint32(8))),
  "RST_STREAM with NO_ERROR": (client) => client.send(frame(h2.rstStream, 0, 1, uint32(0))),
  "RST_STREAM with INTERNAL_ERROR": (client) => client.send(frame(h2.rstStream, 0, 1, uint32(2))),
  "GOAWAY and the end of the connection": (client) =>
    client.socket.end(frame(h2.goaway, 0, 0, Buffer.alloc(8))),
  "an error of the connection": (client) => client.send(frame(h2.windowUpdate, 0, 0, uint32(0))),
  "the end of the connection": (client) => client.socket.end(),
  "a reset of the connection": (client) => client.socket.resetAndDestroy(),
  "the server's patience": () => {},
};

describe.each([
  ["on the hot path", true],
  ["through Connect", false],
])("%s, a request that is broken off is not carried out", (_way, hotPath) => {
  let server: Toy;
  let deleted: string[];
  beforeEach(async () => {
    deleted = [];
    server = await toyServer({
      // Long enough for what follows the headers to arrive while the gate waits.
      handler: {
        hotPath,
        requestGate: () => new Promise((resolve) => setImmediate(() => setImmediate(resolve))),
      },
      limits: { requestTimeoutMs: 100, idleTimeoutMs: 100 },
      routes: (router) => {
        router.rpc(RunnerService.method.deleteRunner, ({ runnerId }) => {
          deleted.push(runnerId);
          return {};
        });
      },
    });
  });
  afterEach(async () => {
    await server.connections(0);
    expect(deleted).toEqual([]);
    await server[Symbol.asyncDispose]();
  });

  test.each(Object.entries(http2Breaks))("by %s", async (_how, breakOff) => {
    for (const early of [true, false]) {
      await using client = await RawClient.connect(server.port);
      client.send(http2Opening);
      await client.until("\x00\x00\x00\x04\x01");
      client.send(Buffer.concat([frame(h2.headers, endHeaders, 1, block), frame(h2.data, 0, 1, part)]));
      if (!early) {
        client.send(frame(h2.ping, 0, 0, Buffer.from("12345678")));
        await client.until("12345678");
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
      }
      breakOff(client);
      await client.closed;
    }
  });

  test.each([
    ["the end of the connection", (client: RawClient) => client.socket.end()],
    ["a reset of the connection", (client: RawClient) => client.socket.resetAndDestroy()],
  ])("by %s of HTTP/1.1", async (_how, breakOff) => {
    await using client = await RawClient.connect(server.port);
    const head =
      "POST /gitpod.v1.RunnerService/DeleteRunner HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\n";
    client.send(`${head}Content-Length: 10\r\n\r\n${part.toString("latin1")}`);
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
    breakOff(client);
    await client.closed;
  });

  test("but one that has come whole is", async () => {
    await using client = await RawClient.connect(server.port);
    client.send(http2Opening);
    client.send(Buffer.concat([frame(h2.headers, endHeaders, 1, block), frame(h2.data, endStream, 1, part)]));
    while (deleted.length === 0) await new Promise(setImmediate);
    expect(deleted.splice(0)).toEqual(["A"]);
  });
});
