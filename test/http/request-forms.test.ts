import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { healthEndpoints } from "../../src/http/plain/plain.ts";
import { plainRequest } from "../support/http.ts";
import { readHead } from "./support/go-sdk.ts";
import { endHeaders, endStream, frame, h2, headerBlock } from "./support/h2-frames.ts";
import { http2Opening, RawClient } from "./support/raw.ts";
import { Gate, type Toy, toyServer } from "./support/toy-server.ts";

// HTTP lets a client say one thing in several ways. Each of them is served, by the short way and by Connect's.

let server: Toy;
beforeAll(async () => {
  server = await toyServer({ handler: { plain: healthEndpoints(() => ({ ready: true })) } });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const path = "/gitpod.v1.RunnerService/CreateRunner";
const body = '{"name":"abc"}';

/** The answer to bytes of HTTP/1.1 that ask for the connection to be closed. */
async function answerTo(head: string, sent = ""): Promise<{ status: number; body: string }> {
  await using client = await RawClient.connect(server.port);
  client.send(`${head}\r\n\r\n${sent}`);
  const received = await client.closed;
  const { status, bodyAt } = readHead(received);
  return { status, body: received.slice(bodyAt) };
}

const call = (line: string, headers: readonly string[], type = "application/json") =>
  answerTo(
    [
      `POST ${line}`,
      ...headers,
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
      "Connection: close",
    ].join("\r\n"),
    body,
  );

const made = { status: 200, body: '{"runner":{"name":"abc"}}' };
// One that the short way takes, and one that it leaves to Connect.
const types = ["application/json", "application/json;charset=UTF-8"];

describe("what a client calls the server is a name", () => {
  const names = [
    "%2Ftmp%2Fsock",
    "ipv4:127.0.0.1:1,127.0.0.2:2",
    ":7655",
    "[fe80::1%25eth0]:7655",
    "[fe80::1%eth0]",
    "a:b:c",
    "",
  ];

  test.each(names.flatMap((name) => types.map((type) => [name, type] as const)))(
    "Host: %j, with %s",
    async (name, type) => {
      expect(await call(`${path} HTTP/1.1`, [`Host: ${name}`], type)).toEqual(made);
    },
  );

  test.each(types)("no Host in HTTP/1.0, with %s", async (type) => {
    expect(await call(`${path} HTTP/1.0`, [], type)).toEqual(made);
  });

  test.each(
    names.filter((name) => name !== "").flatMap((name) => types.map((type) => [name, type] as const)),
  )(":authority %j, with %s", async (name, type) => {
    await using client = await RawClient.connect(server.port);
    const block = headerBlock({
      ":method": "POST",
      ":scheme": "http",
      ":path": path,
      ":authority": name,
      "content-type": type,
    });
    const sent = [frame(h2.headers, endHeaders, 1, block), frame(h2.data, endStream, 1, Buffer.from(body))];
    client.send(Buffer.concat([http2Opening, ...sent]));
    await client.until(made.body);
  });

  test.each(types)("two Host headers are 400, with %s", async (type) => {
    const { status, body: told } = await call(`${path} HTTP/1.1`, ["Host: a", "hOST: b"], type);
    expect([status, JSON.parse(told)]).toEqual([
      400,
      { code: "invalid_argument", message: "the request has more than one Host header" },
    ]);
  });
});

describe("a request target in absolute form (RFC 9112, 3.2.2)", () => {
  test.each([
    ["http://rollcall.example/healthz", 200],
    ["HTTPS://rollcall.example:7655/healthz?a=b", 200],
    ["http://rollcall.example", 404],
    ["http://rollcall.example?a=/healthz", 404],
    ["ftp://rollcall.example/healthz", 404],
  ])("GET %s is %d", async (target, status) => {
    expect(await answerTo(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close`)).toMatchObject({
      status,
    });
  });

  test.each(types)("leads to procedures, with %s", async (type) => {
    expect(await call(`http://x:1/api${path} HTTP/1.1`, ["Host: y"], type)).toEqual(made);
  });
});

describe("content types", () => {
  const sent = (type: string, procedure = path) =>
    plainRequest(`${server.url}${procedure}`, { method: "POST", headers: { "content-type": type } });

  test.each([
    'application/json; charset="utf-8"',
    "application/json ; Charset=UTF8",
    "application/json; profile=x; charset=utf-8",
    "application/json;",
    "APPLICATION/JSON",
  ])("%s", async (type) => {
    expect(await call(`${path} HTTP/1.1`, ["Host: x"], type)).toEqual(made);
  });

  test.each([
    "application/proto; charset=utf-8",
    "application/grpc-web+proto; charset=utf-8",
    'application/grpc-web+proto;charset="utf-8"; x=y',
    "application/grpc-web;charset=utf-8",
    "application/grpc+proto; charset=utf-8",
    "application/grpc;charset=utf-8",
  ])("%s is no 415", async (type) => {
    expect((await sent(type)).status).toBe(200);
  });

  test("application/connect+json with a parameter, for a stream", async () => {
    const stream = "/gitpod.v1.EventService/WatchEvents";
    const answer = await sent('application/connect+json; charset="utf-8"', stream);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "application/connect+json"]);
  });

  test.each(["application/json; charset=utf-16", "application/json; charset=latin1", "text/json"])(
    "%s is 415",
    async (type) => {
      expect((await sent(type)).status).toBe(415);
    },
  );
});

test.each(["gzip", "GZIP", "x-gzip", "X-GZip", "identity", "Identity"])(
  "Content-Encoding: %s",
  async (coding) => {
    const packed = /identity/i.test(coding) ? Buffer.from(body) : gzipSync(body);
    const headers = { "content-type": "application/json", "content-encoding": coding };
    const answer = await plainRequest(`${server.url}${path}`, { method: "POST", headers, body: packed });
    expect({ status: answer.status, body: answer.text }).toEqual(made);
  },
);

describe("an offer to switch protocols is ignored", () => {
  const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
  const last = "GET /healthz?last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const answers = (received: string) => received.split("HTTP/1.1 ").slice(1);

  test.each([
    ["a GET", `GET /healthz HTTP/1.1\r\nHost: x\r\n${offer}\r\n`, '{"status":"ok"}'],
    [
      "a call with a body",
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${offer}\r\n${body}`,
      made.body,
    ],
    [
      "a call in chunks",
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n${offer}\r\ne\r\n${body}\r\n0\r\n\r\n`,
      made.body,
    ],
    [
      "a WebSocket",
      `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n\r\n`,
      "ok",
    ],
  ])("%s, and what was sent right behind it is answered too", async (_what, first, said) => {
    await using client = await RawClient.connect(server.port);
    client.send(`${first}${last}`);
    const [one = "", two = "", ...more] = answers(await client.closed);
    expect([one.slice(0, 3), two.slice(0, 3), more]).toEqual(["200", "200", []]);
    expect(one).toContain(said);
    expect(two).toContain('{"status":"ok"}');
  });

  test("in a later request of a connection, too", async () => {
    await using client = await RawClient.connect(server.port);
    client.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.until("ready");
    client.send(`GET /healthz HTTP/1.1\r\nHost: x\r\n${offer}\r\n${last}`);
    expect(answers(await client.closed).map((answer) => answer.slice(0, 3))).toEqual(["200", "200", "200"]);
  });

  test("behind an answer that is still to be given it ends the connection, in order", async () => {
    const gate = new Gate();
    await using slow = await toyServer({
      gate,
      handler: { plain: healthEndpoints(() => ({ ready: true })) },
    });
    await using client = await RawClient.connect(slow.port);
    const get =
      "POST /gitpod.v1.RunnerService/GetRunner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    client.send(`${get}Content-Length: 2\r\n\r\n{}GET /healthz HTTP/1.1\r\nHost: x\r\n${offer}\r\n`);
    await gate.reached;
    gate.open();
    const [one = "", two = ""] = answers(await client.closed);
    expect(one).toContain('{"runner":{}}');
    expect(two.toLowerCase()).toContain("connection: close");
  });
});
