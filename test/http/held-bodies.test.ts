import { once } from "node:events";
import http2 from "node:http2";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { strangersMessageBytes } from "../../src/http/rooms.ts";
import { endHeaders, frame, h2, headerBlock, postBlock } from "./support/h2-frames.ts";
import { frames, http2Opening, RawClient } from "./support/raw.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

// What clients can make the server hold of bodies that they do not complete.

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");
const openMethods = new Set([RunnerService.method.getRunner, EventService.method.watchEvents]);
const getRunner = "/gitpod.v1.RunnerService/GetRunner";
const listRunners = "/gitpod.v1.RunnerService/ListRunners";
const echo = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const watchEvents = "/gitpod.v1.EventService/WatchEvents";

let server: Toy;
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

/** A method whose client sends a stream. */
const echoing = (router: ConnectRouter) =>
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const { host } of requests) yield { validHost: host };
    },
  });

/** The beginning of a message of so many bytes. */
const frameOf = (bytes: number) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes, 1);
  return head;
};

function held(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe.each([true, false])("hot path %s", (hotPath) => {
  test.each([
    ["a call over gRPC", listRunners, "application/grpc"],
    ["a call over gRPC with JSON", listRunners, "application/grpc+json"],
    ["a call over Connect", listRunners, "application/json"],
    ["a stream over gRPC", watchEvents, "application/grpc"],
    ["nothing that there is", "/nothing", "application/grpc"],
  ])("a body in pieces of one byte takes a few bytes for each: %s", async (_name, path, type) => {
    server = await toyServer({ handler: { hotPath } });
    await using client = await RawClient.connect(server.port);
    client.send(http2Opening);
    const pieces = 60_000;
    client.send(frame(h2.headers, endHeaders, 1, postBlock(path, type)));
    if (type.includes("grpc")) client.send(frame(h2.data, 0, 1, frameOf(1_000_000)));
    const pong = async (text: string) => {
      client.send(frame(h2.ping, 0, 0, Buffer.from(text)));
      await client.until(text);
    };
    await pong("before..");
    const before = held();
    const piece = frame(h2.data, 0, 1, Buffer.from(" "));
    client.send(Buffer.concat(Array.from({ length: pieces }, () => piece)));
    await pong("after...");
    expect((held() - before) / pieces).toBeLessThan(25);
  });

  test.each([
    ["an unknown encoding", listRunners, "application/json", { "content-encoding": "nothing" }],
    ["a declared length over the limit", listRunners, "application/json", { "content-length": "99999999" }],
    [
      "a length, of a type with a parameter",
      listRunners,
      "application/json;a=b",
      { "content-length": "99999999" },
    ],
    ["a wrong deadline", listRunners, "application/json", { "connect-timeout-ms": "soon" }],
    ["a wrong deadline over gRPC", listRunners, "application/grpc", { "grpc-timeout": "soon" }],
    ["an unknown encoding of a stream", watchEvents, "application/grpc", { "grpc-encoding": "nothing" }],
    [
      "an unknown encoding of JSON lines",
      watchEvents,
      "application/jsonl",
      { "content-encoding": "nothing" },
    ],
    [
      "a wrong deadline of a stream",
      watchEvents,
      "application/connect+json",
      { "connect-timeout-ms": "soon" },
    ],
    ["a stream both ways", echo, "application/grpc", { "grpc-encoding": "nothing" }],
    ["no type", listRunners, "text/plain", {}],
  ])(
    "a body that is refused unread is dropped, of a client that takes no answer: %s",
    async (_name, path, type, headers) => {
      server = await toyServer({ handler: { hotPath }, routes: echoing });
      await using client = await RawClient.connect(server.port);
      client.send(http2Opening.subarray(0, 24));
      // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
      client.send(frame(h2.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
      client.send(
        frame(h2.headers, endHeaders, 1, Buffer.concat([postBlock(path, type), headerBlock(headers)])),
      );
      const pong = async (text: string) => {
        client.send(frame(h2.ping, 0, 0, Buffer.from(text)));
        await client.until(text);
      };
      await pong("before..");
      const before = held();
      const pieces = 60_000;
      const piece = frame(h2.data, 0, 1, Buffer.from(" "));
      client.send(Buffer.concat(Array.from({ length: pieces }, () => piece)));
      await pong("after...");
      expect((held() - before) / pieces).toBeLessThan(25);
    },
  );

  test("a message to a method without a token is small, packed and unpacked", async () => {
    server = await toyServer({ handler: { hotPath, openMethods } });
    const session = http2.connect(server.url);
    const ask = async (path: string, body: Buffer, headers: Record<string, string> = {}) => {
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/json",
        ...headers,
      });
      stream.end(body);
      let text = "";
      stream.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      await once(stream, "end");
      return text;
    };
    const large = Buffer.from(JSON.stringify({ ignored: "x".repeat(strangersMessageBytes) }));
    expect(await ask(getRunner, large)).toContain('"resource_exhausted"');
    expect(await ask(getRunner, gzipSync(large), { "content-encoding": "gzip" })).toContain("unpacked");
    expect(await ask(getRunner, large.subarray(-2), { "content-encoding": "identity" })).toContain("JSON");
    expect(await ask(listRunners, large)).toBe("{}");
    session.destroy();
  });

  test("bodies of strangers that are not complete give way to others, the oldest first", async () => {
    // Room for three of strangers.
    server = await toyServer({ handler: { hotPath, openMethods, unfinishedBytes: 8 * 3 * 16 * 1024 } });
    await using client = await RawClient.connect(server.port);
    client.send(http2Opening);
    const begin = (stream: number) => {
      client.send(frame(h2.headers, endHeaders, stream, postBlock(getRunner, "application/json")));
      client.send(frame(h2.data, 0, stream, Buffer.from("{")));
    };
    for (const stream of [1, 3, 5]) begin(stream);
    client.send(frame(h2.ping, 0, 0, Buffer.from("three...")));
    expect(frames(await client.until("three...")).filter(({ type }) => type === h2.headers)).toEqual([]);
    begin(7);
    const text = await client.until("too many requests are incomplete");
    const answered = frames(text).filter(({ type }) => type === h2.headers);
    expect(new Set(answered.map(({ stream }) => stream))).toEqual(new Set([1]));
  });
});

test("a body that is broken off is no longer counted", async () => {
  server = await toyServer({ handler: { openMethods, unfinishedBytes: 8 * 3 * 16 * 1024 } });
  const head = `POST ${getRunner} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  const begin = async () => {
    const client = await RawClient.connect(server.port);
    client.send(head);
    return client;
  };
  const stays = await begin();
  for (let i = 0; i < 10; i += 1) {
    const goes = await begin();
    await server.connections(2);
    await goes[Symbol.asyncDispose]();
    await server.connections(1);
  }
  stays.send("}".padStart(99));
  expect(await stays.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
  await stays[Symbol.asyncDispose]();
});
