import http2 from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { UnfinishedBodies } from "../../src/http/unfinished-bodies.ts";
import { eventually } from "../support/eventually.ts";
import { endHeaders, endStream, frame, h2, postBlock, uint32 } from "./support/h2-frames.ts";
import { http2Opening, RawClient } from "./support/raw.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

// What request bodies that are not complete hold is counted, and given back however they end.

const getRunner = "/gitpod.v1.RunnerService/GetRunner";
const listRunners = "/gitpod.v1.RunnerService/ListRunners";
const echo = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const openMethods = new Set([RunnerService.method.getRunner]);
const leastBytes = 16 * 1024;

let server: Toy;
let accounts: Set<UnfinishedBodies>;
beforeEach(() => {
  accounts = new Set();
  const { hold } = UnfinishedBodies.prototype;
  vi.spyOn(UnfinishedBodies.prototype, "hold").mockImplementation(function (this: UnfinishedBodies, ...args) {
    accounts.add(this);
    hold.apply(this, args);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server[Symbol.asyncDispose]();
});

const held = () => [...accounts].reduce((sum, { bytes }) => sum + bytes, 0);
const holds = (bytes: number) => eventually(() => expect(held()).toBe(bytes));
const echoing = (router: ConnectRouter) =>
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const { host } of requests) yield { validHost: host };
    },
  });
/** A message of gRPC: a field that is not in the contract. */
function message(bytes: number): Buffer {
  const size = Buffer.from([0xc2, 0x3e, (bytes & 0x7f) | 0x80, ((bytes >> 7) & 0x7f) | 0x80, bytes >> 14]);
  const data = Buffer.concat([size, Buffer.alloc(bytes)]);
  return Buffer.concat([Buffer.from([0]), uint32(data.length), data]);
}

describe.each([true, false])("hot path %s", (hotPath) => {
  beforeEach(async () => {
    server = await toyServer({ handler: { hotPath, openMethods }, routes: echoing });
  });
  const connected = async () => {
    const client = await RawClient.connect(server.port);
    client.send(http2Opening);
    return client;
  };

  test.each([
    ["with a token", listRunners],
    ["of a stranger", getRunner],
  ])("a call %s that sends nothing is counted until it goes", async (_name, path) => {
    await using client = await connected();
    client.send(frame(h2.headers, endHeaders, 1, postBlock(path, "application/grpc")));
    await holds(leastBytes);
    client.send(frame(h2.headers, endHeaders, 3, postBlock(path, "application/json")));
    await holds(2 * leastBytes);
    client.send(frame(h2.rstStream, 0, 1, uint32(8)));
    await holds(leastBytes);
    client.send(frame(h2.data, endStream, 3, Buffer.from("{}")));
    await holds(0);
  });

  test("a message that came in one piece is counted until the body ends", async () => {
    await using client = await RawClient.connect(server.port);
    const whole = message(30_000);
    const type = "Content-Type: application/grpc-web";
    client.send(
      `POST ${listRunners} HTTP/1.1\r\nHost: x\r\n${type}\r\nContent-Length: ${whole.length + 1}\r\n\r\n`,
    );
    await holds(leastBytes);
    client.send(whole);
    await eventually(() => expect(held()).toBeGreaterThanOrEqual(whole.length));
    client.send(Buffer.from([0]));
    await holds(0);
  });

  test("messages that a stream has taken are counted no more", async () => {
    await using client = await connected();
    client.send(frame(h2.headers, endHeaders, 1, postBlock(echo, "application/grpc")));
    const first = Buffer.concat([message(8_000), message(7_000)]);
    client.send(frame(h2.data, 0, 1, first.subarray(0, 10_000)));
    await holds(leastBytes);
    for (let times = 0; times < 2; times += 1) {
      client.send(frame(h2.data, 0, 1, first.subarray(10_000)));
      client.send(frame(h2.data, 0, 1, first.subarray(0, 10_000)));
    }
    client.send(frame(h2.data, 0, 1, first.subarray(10_000)));
    await holds(leastBytes);
    client.send(frame(h2.data, endStream, 1));
    await holds(0);
  });

  test("after calls of all kinds nothing is", async () => {
    const session = http2.connect(server.url);
    session.on("error", () => {});
    const types = [
      "application/grpc",
      "application/grpc-web",
      "application/json",
      "application/connect+json",
    ];
    const bodies = [
      message(10),
      message(100_000),
      message(10).subarray(0, 9),
      Buffer.from("{}"),
      Buffer.from([0]),
    ];
    const over: Promise<void>[] = [];
    for (const path of [listRunners, getRunner, echo]) {
      for (const type of types) {
        for (const body of bodies) {
          for (const end of ["end", "reset", "pieces", "left open"]) {
            const stream = session.request({ ":method": "POST", ":path": path, "content-type": type });
            stream.on("error", () => {}).resume();
            const { promise, resolve } = Promise.withResolvers<void>();
            stream.once("close", resolve);
            if (end === "end") stream.end(body);
            else if (end === "pieces") {
              for (const at of body.subarray(0, 50)) stream.write(Buffer.from([at]));
              stream.end();
            } else
              stream.write(body, () => (end === "reset" ? stream.close(http2.constants.NGHTTP2_CANCEL) : {}));
            if (end !== "left open") over.push(promise);
          }
        }
      }
    }
    await Promise.all(over);
    session.destroy();
    await holds(0);
    expect(accounts.size).toBe(2);
  });
});
