import { once } from "node:events";
import http2 from "node:http2";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gzip } from "../../src/http/compression.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

// A few bytes that unpack to many must cost the server no more than the limit of a message, and bytes that do not
// unpack are the client's fault.

const unpackedBytes = 64 * 1024 * 1024;
const json = Buffer.alloc(unpackedBytes, "{".padEnd(1024, " "));
const gzipBomb = gzipSync(json);
const brotliBomb = brotliCompressSync(json, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
const framed = (message: Uint8Array) => {
  const head = Buffer.from([1, 0, 0, 0, 0]);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

/** Each way to say that a body is packed, with a body. */
const packed = (gzip: Buffer, brotli: Buffer): [string, Record<string, string>, Buffer][] => [
  ["Connect, gzip", { "content-type": "application/json", "content-encoding": "gzip" }, gzip],
  ["Connect, brotli", { "content-type": "application/json", "content-encoding": "br" }, brotli],
  ["Connect, binary", { "content-type": "application/proto", "content-encoding": "gzip" }, gzip],
  ["gRPC", { "content-type": "application/grpc+json", "grpc-encoding": "gzip" }, framed(gzip)],
  ["gRPC, brotli", { "content-type": "application/grpc+proto", "grpc-encoding": "br" }, framed(brotli)],
  ["gRPC-Web", { "content-type": "application/grpc-web+json", "grpc-encoding": "gzip" }, framed(gzip)],
  [
    "Connect stream",
    { "content-type": "application/connect+json", "connect-content-encoding": "gzip" },
    framed(gzip),
  ],
];
const pathOf = (type = "") =>
  type.includes("connect+") ? "/gitpod.v1.EventService/WatchEvents" : "/gitpod.v1.RunnerService/CreateRunner";

describe.each([true, false])("hot path %s", (hotPath) => {
  let server: Toy;
  let session: http2.ClientHttp2Session;
  beforeEach(async () => {
    server = await toyServer({ handler: { hotPath }, limits: { messageBytes: 1024 * 1024 } });
    session = http2.connect(server.url);
  });
  afterEach(async () => {
    session.destroy();
    expect(server.errors).toEqual([]);
    await server[Symbol.asyncDispose]();
  });

  /** What is answered, in whichever way the protocol says it. */
  async function outcome(headers: Record<string, string>, body: Buffer): Promise<string> {
    const path = pathOf(headers["content-type"]);
    const stream = session.request({ ":method": "POST", ":path": path, te: "trailers", ...headers });
    let text = "";
    stream.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
    });
    stream.on("trailers", (trailers) => {
      text += `grpc-status: ${trailers["grpc-status"]}\r\n`;
    });
    stream.on("response", (head) => {
      if (head["grpc-status"] !== undefined) text += `grpc-status: ${head["grpc-status"]}\r\n`;
    });
    stream.end(body);
    await once(stream, "close");
    const code = /"code":"(\w+)"/.exec(text)?.[1];
    const status = /grpc-status: ?(\d+)/.exec(text)?.[1];
    return code ?? Code[Number(status)] ?? text;
  }

  test.each(packed(gzipBomb, brotliBomb))("%s: a bomb is refused", async (_name, headers, body) => {
    expect(body.length).toBeLessThan(512 * 1024);
    expect(await outcome(headers, body)).toMatch(/^(resource_exhausted|ResourceExhausted)$/);
  });

  test("many bombs at once take little memory", async () => {
    const before = process.memoryUsage().rss;
    let most = before;
    const look = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 5);
    const bombs = packed(gzipBomb, brotliBomb);
    await Promise.all([...bombs, ...bombs, ...bombs].map(([, headers, body]) => outcome(headers, body)));
    clearInterval(look);
    // Unpacked they would take 1,344 MiB.
    expect(most - before).toBeLessThan(400 * 1024 * 1024);
  });

  const whole = Buffer.from('{"name":"a name that is long enough to be packed into some bytes"}');
  const cutOff = packed(gzipSync(whole).subarray(0, -12), brotliCompressSync(whole).subarray(0, -4));
  const noise = packed(Buffer.from("no gzip at all"), Buffer.from("no brotli at all"));
  test.each([
    ...cutOff.map(([name, ...rest]) => [`${name}, cut off`, ...rest] as const),
    ...noise.map(([name, ...rest]) => [`${name}, noise`, ...rest] as const),
  ])("%s: what does not unpack is an invalid argument", async (_name, headers, body) => {
    expect(await outcome(headers, body)).toMatch(/^(invalid_argument|InvalidArgument)$/);
  });
});

describe("many at once", () => {
  const bytes = 4 * 1024 * 1024;
  const small = Uint8Array.from(gzipSync(Buffer.alloc(bytes, " ")));

  test("are unpacked two at a time, with turns for others between them, and all in the end", async () => {
    let inTurn = 0;
    let most = 0;
    let isOver = false;
    const eachTurn = () => {
      most = Math.max(most, inTurn);
      inTurn = 0;
      if (!isOver) setImmediate(eachTurn);
    };
    setImmediate(eachTurn);
    const all = Array.from({ length: 40 }, async () => {
      const unpacked = await gzip.decompress(small, bytes);
      inTurn += 1;
      return unpacked.length;
    });
    expect(await Promise.all(all)).toEqual(Array.from({ length: 40 }, () => bytes));
    isOver = true;
    expect(most).toBeLessThanOrEqual(2);
  });

  test("wait in a number that is bounded; the others are refused", async () => {
    // What was unpacked before gives its place up in the turn after.
    await new Promise((resolve) => setImmediate(resolve));
    const all = await Promise.allSettled(Array.from({ length: 1100 }, () => gzip.decompress(small, 1024)));
    const refused = all.filter(
      (one) => one.status === "rejected" && String(one.reason).includes("too many packed messages"),
    );
    expect(refused).toHaveLength(1100 - 1024 - 2);
  });
});
