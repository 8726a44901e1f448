import http2 from "node:http2";
import { gzipSync } from "node:zlib";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CreateRunnerRequestSchema } from "../../gen/gitpod/v1/runner_pb.js";
import { Call } from "../../src/http/hot/call.ts";
import type { Interceptor } from "../../src/rpc/call/interceptor.ts";
import { plainRequest } from "../support/http.ts";
import { type Toy, toyServer } from "./support/toy-server.ts";

// Whether a call goes the short way or through Connect must not be visible. Two servers that differ in nothing else
// get the same requests, sound and broken, and their answers are compared to the last byte.

const messageBytes = 2_000;

interface Request {
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** What a client can see of an answer. */
interface Seen {
  readonly status: unknown;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly trailers: Record<string, unknown>;
}

let hot: Toy;
let plain: Toy;
let sessions: http2.ClientHttp2Session[] = [];
/** How many calls went which way. */
const ways = { short: 0, long: 0 };
beforeAll(async () => {
  const options = { limits: { messageBytes } };
  const noteWay: Interceptor = (next) => (request) => {
    ways[request instanceof Call ? "short" : "long"]++;
    return next(request);
  };
  const interceptors = [noteWay];
  hot = await toyServer({ ...options, handler: { hotPath: true, interceptors } });
  plain = await toyServer({ ...options, handler: { hotPath: false, interceptors } });
  sessions = [hot, plain].map(({ url }) => http2.connect(url));
});
afterAll(async () => {
  for (const session of sessions) session.close();
  await Promise.all([hot, plain].map((server) => server[Symbol.asyncDispose]()));
  expect([...hot.errors, ...plain.errors]).toEqual([]);
  // The short way was really gone, and by a good part of the calls that were sound.
  expect(ways.short).toBeGreaterThan(ways.long / 10);
});

describe("the hot path answers as Connect's way does", () => {
  test("over HTTP/2", async () => {
    await fc.assert(
      fc.asyncProperty(requests(), async (request) => {
        const [first, second] = await Promise.all(sessions.map((session) => overHttp2(session, request)));
        expect(first).toEqual(second);
      }),
      { numRuns: 400 },
    );
  });

  test("over HTTP/1.1", async () => {
    await fc.assert(
      fc.asyncProperty(requests(), async (request) => {
        const [first, second] = await Promise.all([hot, plain].map(({ url }) => overHttp1(url, request)));
        expect(first).toEqual(second);
      }),
      { numRuns: 400 },
    );
  });
});

function requests(): fc.Arbitrary<Request> {
  const path = "/gitpod.v1.RunnerService";
  const often = <T>(usual: T, ...others: T[]) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(usual) },
      { weight: 2, arbitrary: fc.constantFrom(...others) },
    );
  return fc
    .record({
      path: often(
        `${path}/CreateRunner`,
        `/api${path}/CreateRunner`,
        `${path}/CreateRunner?token=a`,
        `${path}/ParseContextURL`,
        `${path}/Nothing`,
        "/gitpod.v1.EventService/WatchEvents",
      ),
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant("POST") },
        fc.constantFrom("GET", "PUT", "OPTIONS"),
      ),
      type: fc.constantFrom(
        "application/json",
        "application/json; charset=utf-8",
        "application/proto",
        "application/grpc",
        "application/grpc+proto",
        "application/grpc+json",
        "application/grpc-web+proto",
        "application/grpc-web",
        "Application/JSON",
        "application/connect+json",
        "text/plain",
      ),
      encoding: often("", "gzip", "identity", "br", "zstd"),
      accepted: often("", "gzip", "identity", "gzip, br", "br;q=1", "deflate"),
      timeout: often("", "10S", "10000", "0", "1x", "99999999999"),
      version: often("", "1", "2"),
      origin: often("", "http://example.test"),
      message: messages(),
      shape: often("whole", "cut", "twice", "empty", "wrong flag", "long", "claims more"),
      zipped: fc.boolean(),
      noise: fc.uint8Array({ maxLength: 20 }),
    })
    .map(({ path, method, type, encoding, accepted, timeout, version, origin, ...rest }) => {
      const framed = type.includes("grpc") || type.includes("connect+");
      const prefix = framed ? "grpc-" : "";
      const headers = {
        "content-type": type,
        [framed ? "grpc-encoding" : "content-encoding"]: encoding,
        [`${prefix}accept-encoding`]: accepted,
        [framed ? "grpc-timeout" : "connect-timeout-ms"]: timeout,
        "connect-protocol-version": version,
        origin,
      };
      const sent = Object.entries(headers).filter(([, value]) => value !== "");
      const body = method === "GET" || method === "OPTIONS" ? Buffer.alloc(0) : bodyOf(type, framed, rest);
      return { path, method, headers: Object.fromEntries(sent), body };
    });
}

/** Small and large ones; some whose answer is worth compressing, some that are over the limit. */
const messages = () =>
  fc.record({ name: fc.oneof(fc.string(), fc.constantFrom("x".repeat(1_200), "x".repeat(3_000))) });

interface BodyParts {
  readonly message: { readonly name: string };
  readonly shape: string;
  readonly zipped: boolean;
  readonly noise: Uint8Array;
}

function bodyOf(type: string, framed: boolean, { message, shape, zipped, noise }: BodyParts): Buffer {
  const request = create(CreateRunnerRequestSchema, message);
  const text = type.toLowerCase().includes("json");
  const whole = Buffer.from(
    text ? toJsonString(CreateRunnerRequestSchema, request) : toBinary(CreateRunnerRequestSchema, request),
  );
  const data = zipped ? gzipSync(whole) : whole;
  const one = framed ? frame(zipped ? 1 : 0, data, data.length) : data;
  switch (shape) {
    case "cut":
      return one.subarray(0, Math.floor(one.length / 2));
    case "twice":
      return Buffer.concat([one, one]);
    case "empty":
      return Buffer.alloc(0);
    case "wrong flag":
      return framed ? frame(noise[0] ?? 2, data, data.length) : Buffer.from(noise);
    case "long":
      return Buffer.concat([one, noise]);
    case "claims more":
      return framed ? frame(0, data, data.length + 3_000) : Buffer.concat([Buffer.from(noise), one]);
    default:
      return one;
  }
}

function frame(flags: number, data: Uint8Array, claimed: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags, 0);
  head.writeUInt32BE(claimed, 1);
  return Buffer.concat([head, data]);
}

async function overHttp1(url: string, { path, method, headers, body }: Request): Promise<Seen> {
  const answer = await plainRequest(url + path, {
    method,
    headers: { ...headers, "content-length": String(body.length) },
    body,
  });
  return seen(answer.status, answer.headers, Buffer.from(answer.text), {});
}

function overHttp2(session: http2.ClientHttp2Session, request: Request): Promise<Seen> {
  const { path, method, headers, body } = request;
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...headers, ":path": path, ":method": method }, { endStream: false });
    let answered: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    stream.on("response", (got) => {
      answered = got;
    });
    stream.on("trailers", (got) => {
      trailers = got;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => resolve(seen(answered[":status"], answered, Buffer.concat(chunks), trailers)));
    stream.end(body);
  });
}

/** Without what differs from one answer to the next on one server too. */
function seen(status: unknown, headers: object, body: Buffer, trailers: object): Seen {
  const { date: _date, ...rest } = { date: "", ...headers };
  return { status, headers: { ...rest }, body: body.toString("latin1"), trailers: { ...trailers } };
}
