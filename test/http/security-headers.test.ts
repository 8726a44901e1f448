import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openMetricsPort } from "../../src/http/plain/metrics-port.ts";
import { plainRequest } from "../support/http.ts";
import { portRefuses } from "../support/leftovers.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import { RawClient } from "./support/raw.ts";

// As they must be on the wire, not as the source has them: a header that the source loses must be missed here.
const ofCalls = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
const ofPages = { ...ofCalls, "content-security-policy": "default-src 'none'; frame-ancestors 'none'" };
/** What verifiers of tokens fetch is public, and theirs to keep for as long as a new key waits. */
const ofPublished = { ...ofPages, "cache-control": expect.stringMatching(/^public, max-age=\d+$/) };

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Buffer;
}
interface Head {
  readonly status: unknown;
  readonly headers: Record<string, unknown>;
}
type Case = readonly [name: string, status: number, must: object, request: Request];

const runners = "/gitpod.v1.RunnerService";
const events = "/gitpod.v1.EventService/WatchEvents";
const page = "https://console.example.com";
const authorization = `Bearer ${adminToken}`;

const get = (path: string, headers: Record<string, string> = {}, method = "GET"): Request => ({
  method,
  path,
  headers,
});
const post = (
  path: string,
  type: string,
  body: string | Buffer,
  more: Record<string, string> = {},
): Request => ({
  method: "POST",
  path,
  headers: { "content-type": type, authorization, ...more },
  body,
});
const json = (path: string, body = "{}", more = {}) => post(path, "application/json", body, more);
const preflight = (origin: string): Request =>
  get(`${runners}/CreateRunner`, { origin, "access-control-request-method": "POST" }, "OPTIONS");
/** Of a stream of Connect or gRPC, or a call of gRPC: flags and length ahead of the message. */
const framed = (message: string) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, Buffer.from(message)]);
};
const unknownRunner = '{"runnerId":"01a20abb-0bfb-7000-9565-cb103eb5ccda"}';
const stranger = { authorization: "Bearer nobody" };

const cases: readonly Case[] = [
  ["a call as JSON", 200, ofCalls, json(`${runners}/ListRunners`)],
  ["a call under /api", 200, ofCalls, json(`/api${runners}/ListRunners`)],
  ["a call from a page", 200, ofCalls, json(`${runners}/ListRunners`, "{}", { origin: page })],
  ["a call as protobuf", 200, ofCalls, post(`${runners}/ListRunners`, "application/proto", "")],
  [
    "a call by GET",
    200,
    ofCalls,
    get(`${runners}/ListRunners?connect=v1&encoding=json&message=%7B%7D`, { authorization }),
  ],
  ["what a handler refuses", 404, ofCalls, json(`${runners}/GetRunner`, unknownRunner)],
  ["what the contract's rules refuse", 400, ofCalls, json(`${runners}/GetRunner`, '{"runnerId":"x"}')],
  ["what is no JSON", 400, ofCalls, json(`${runners}/GetRunner`, "{")],
  ["a token that is not good", 401, ofCalls, json(`${runners}/ListRunners`, "{}", stranger)],
  ["a procedure that is not there", 404, ofPages, json(`${runners}/Nope`)],
  ["a content type that no protocol has", 415, ofPages, post(`${runners}/ListRunners`, "text/plain", "{}")],
  ["a wrong method of a call", 405, ofPages, get(`${runners}/CreateRunner`)],
  ["a stream", 200, ofCalls, post(events, "application/connect+json", framed('{"organization":true}'))],
  [
    "a stream that is refused",
    200,
    ofCalls,
    post(events, "application/connect+json", framed("{}"), stranger),
  ],
  ["a stream as JSON lines", 200, ofCalls, post(events, "application/jsonl", '{"organization":true}')],
  ["JSON lines that are refused", 401, ofCalls, post(events, "application/jsonl", "{}", stranger)],
  ["/healthz", 200, ofPages, get("/healthz")],
  ["the head of /healthz", 200, ofPages, get("/healthz", {}, "HEAD")],
  ["a wrong method of /healthz", 405, ofPages, get("/healthz", {}, "POST")],
  ["/readyz", 200, ofPages, get("/readyz")],
  ["/metrics", 200, ofPages, get("/metrics", { authorization })],
  ["/metrics without a token", 401, ofPages, get("/metrics")],
  ["/metrics/runners without a token", 401, ofPages, get("/metrics/runners")],
  ["the issuer's metadata", 200, ofPublished, get("/.well-known/openid-configuration")],
  ["the issuer's keys", 200, ofPublished, get("/.well-known/jwks.json")],
  ["a path where nothing is", 404, ofPages, get("/favicon.ico")],
  ["the preflight of a page that may call", 204, ofCalls, preflight(page)],
  ["the preflight of another page", 403, ofPages, preflight("https://evil.example.com")],
];

/** Of requests that nothing of ours reads in full. */
const rawCases = [
  ["what is not HTTP", 400, "\u0001\u0002\r\n\r\n"],
  ["headers over the limit", 431, `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(20_000)}\r\n\r\n`],
] as const;
const nodesOwn = [
  ["no Host", 400, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"],
  ["an unknown Expect", 417, "GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n"],
] as const;

const grpcTypes = ["application/grpc+proto", "application/grpc-web+proto"];
const grpcCases = grpcTypes.flatMap((type): [name: string, request: Request][] => [
  [`${type}, answered`, post(`${runners}/ListRunners`, type, framed(""), { te: "trailers" })],
  [`${type}, refused`, post(`${runners}/ListRunners`, type, framed(""), { te: "trailers", ...stranger })],
  [`${type}, not there`, post(`${runners}/Nope`, type, framed(""), { te: "trailers" })],
]);

// The same answers are written at different places on the two ways, and by different means over the two versions.
describe.each([true, false])("hot path %s", (hotPath) => {
  let server: TestServer;
  let session: http2.ClientHttp2Session;
  beforeAll(async () => {
    server = await startTestServer({ config: { hotPath, corsOrigins: [page] } });
    session = http2.connect(server.url);
  });
  afterAll(async () => {
    session.destroy();
    await server.close();
  });
  const heads = async (request: Request): Promise<[string, Head][]> => [
    ["HTTP/1.1", await overHttp1(server.url, request)],
    ["HTTP/2", await overHttp2(session, request)],
  ];

  test.each(cases)("%s: %i", async (_name, status, must, request) => {
    for (const [version, head] of await heads(request)) {
      expect([version, head]).toMatchObject([version, { status, headers: must }]);
    }
  });

  test.each(grpcCases)("no browser shows %s", async (_name, request) => {
    for (const [version, { status, headers }] of await heads(request)) {
      expect([version, status, headers["content-type"]]).toEqual([
        version,
        200,
        request.headers["content-type"],
      ]);
      expect(Object.keys(headers).filter((name) => name in ofPages)).toEqual([]);
    }
  });

  /** Everything that is answered to these bytes, until the connection is closed. */
  async function answerTo(bytes: string): Promise<string> {
    await using client = await RawClient.connect(Number(new URL(server.url).port));
    client.send(bytes);
    return await client.closed;
  }

  test.each(rawCases)("%s: %i", async (_name, status, bytes) => {
    const [line, ...rest] = (await answerTo(bytes)).toLowerCase().split("\r\n");
    expect(line).toContain(`http/1.1 ${status} `);
    const must = Object.entries(ofCalls).map(([name, value]) => `${name}: ${value}`);
    expect(rest).toEqual(expect.arrayContaining(must));
  });

  test.each(nodesOwn)("%s: %i by Node itself, which is empty", async (_name, status, bytes) => {
    const answer = await answerTo(bytes);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(answer.slice(answer.indexOf("\r\n\r\n"))).toBe("\r\n\r\n0\r\n\r\n");
  });
});

test("the port for metrics alone", async () => {
  let broken = false;
  const port = await openMetricsPort({
    host: "127.0.0.1",
    port: 0,
    text: async () => {
      if (broken) throw new Error("no text");
      return "a 1\n";
    },
    onError: () => {},
    onConnectionError: () => {},
  });
  try {
    expect(await plainRequest(`${port.url}/metrics`)).toMatchObject({ status: 200, headers: ofPages });
    expect(await plainRequest(`${port.url}/`)).toMatchObject({ status: 404, headers: ofPages });
    broken = true;
    expect(await plainRequest(`${port.url}/metrics`)).toMatchObject({ status: 500, headers: ofPages });
  } finally {
    await port.close(0);
    await portRefuses(port.url);
  }
});

/** Streams stay open: only the head of an answer is waited for. */
async function overHttp1(url: string, { method, path, headers, body }: Request): Promise<Head> {
  const request = http.request(`${url}${path}`, { method, headers, agent: false });
  request.end(body);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  response.destroy();
  return { status: response.statusCode, headers: response.headers };
}

async function overHttp2(session: http2.ClientHttp2Session, request: Request): Promise<Head> {
  const { method, path, headers, body } = request;
  const stream = session.request({ ":method": method, ":path": path, ...headers });
  stream.end(body);
  const [answer] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
  stream.close(http2.constants.NGHTTP2_CANCEL);
  return { status: answer[":status"], headers: answer };
}
