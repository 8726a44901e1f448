import { once } from "node:events";
import http2 from "node:http2";
import { gzipSync } from "node:zlib";
import { Code, ConnectError, type MethodImpl } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "vitest";
import { EventService, type WatchEventsRequest } from "../../gen/gitpod/v1/event_pb.js";
import { sendHeadersKey } from "../../src/rpc/call/context.ts";
import { type Toy, type ToyOptions, toyServer } from "./support/toy-server.ts";

const jsonl = { "content-type": "application/jsonl", accept: "application/jsonl" };
const path = "/gitpod.v1.EventService/WatchEvents";

let toy: Toy | undefined;
afterEach(async () => {
  await toy?.[Symbol.asyncDispose]();
});

/** A server whose stream of events is the given one. */
async function streaming(watchEvents: Watch, options: ToyOptions = {}): Promise<Toy> {
  toy = await toyServer({
    ...options,
    routes: (router) => void router.rpc(EventService.method.watchEvents, watchEvents),
  });
  return toy;
}
type Watch = MethodImpl<typeof EventService.method.watchEvents>;

const post = (url: string, headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer> = "{}") =>
  fetch(`${url}${path}`, { method: "POST", headers, body });

async function* echo({ scope }: WatchEventsRequest) {
  yield { resourceId: scope.case === "environmentId" ? scope.value : "none" };
  yield { resourceId: "x".repeat(100) };
}

describe("a stream as JSON lines", () => {
  test.each([
    ["both types", jsonl],
    [
      "the type of the answer and a body of JSON",
      { ...jsonl, "content-type": "application/json; charset=utf-8" },
    ],
    [
      "one type among others",
      { accept: "text/html, application/jsonl;q=0.9", "content-type": "application/json" },
    ],
    ["the type of the body", { "content-type": "application/jsonl" }],
  ])("is asked for by %s", async (_name, headers) => {
    const { url } = await streaming(echo);
    const response = await post(url, headers, '{"environmentId":"abc"}');
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/jsonl"]);
    const text = await response.text();
    expect(text.endsWith("\n")).toBe(true);
    const lines = text.slice(0, -1).split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { resourceId: "abc" },
      { resourceId: "x".repeat(100) },
    ]);
    expect(lines.map((line) => (line.length + 1) % 64)).toEqual([0, 0]);
  });

  test("takes a compressed body, and does not compress its lines", async () => {
    const { url } = await streaming(echo);
    const headers = { ...jsonl, "content-encoding": "gzip", "connect-accept-encoding": "gzip" };
    const response = await post(url, headers, gzipSync('{"environmentId":"abc"}'));
    expect(response.headers.get("connect-content-encoding")).toBeNull();
    expect(await response.text()).toContain('{"resourceId":"abc"}');
  });

  test("may be empty", async () => {
    const { url } = await streaming(async function* () {});
    const response = await post(url, jsonl);
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("has its headers before its first line, and ends in the handler when the client leaves", async () => {
    const left = Promise.withResolvers<void>();
    const { url, errors, connections } = await streaming(async function* (_request, { signal, values }) {
      values.get(sendHeadersKey)(new Headers({ "x-watch-cursor": "c" }));
      await once(signal, "abort");
      left.resolve();
      if (!signal.aborted) yield { resourceId: "never" };
    });
    const leave = new AbortController();
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: jsonl,
      body: "{}",
      signal: leave.signal,
    });
    expect(response.headers.get("x-watch-cursor")).toBe("c");
    expect(response.headers.get("content-type")).toBe("application/jsonl");
    leave.abort();
    await left.promise;
    await connections(0);
    expect(errors).toEqual([]);
  });
});

describe("a stream that is silent", () => {
  /** A server that says what it has to say only when a client has heard that it is there. */
  async function silent(said: readonly string[]) {
    const heard = Promise.withResolvers<void>();
    const watch: Watch = async function* (_request, { values }) {
      values.get(sendHeadersKey)(new Headers());
      await heard.promise;
      for (const resourceId of said) yield { resourceId };
    };
    const { url, errors } = await streaming(watch, { handler: { silenceMs: 5 } });
    const body = (await post(url, jsonl)).body?.getReader();
    const chunks = [(await body?.read())?.value ?? new Uint8Array()];
    heard.resolve();
    const rest = async () => {
      for (let read = await body?.read(); read?.done === false; read = await body?.read())
        chunks.push(read.value);
      return Buffer.concat(chunks).toString();
    };
    return { rest, errors };
  }

  test("gets a blank now and then, which belongs to its next line", async () => {
    const { rest } = await silent(["first", "second"]);
    const text = await rest();
    expect(text).toMatch(/^ +{"resourceId":"first"} *\n *{"resourceId":"second"} *\n$/);
    expect(text.split("\n").map((line) => (line === "" ? 0 : (line.length + 1) % 64))).toEqual([0, 0, 0]);
  });

  test("is cut when it ends after a blank, which is no line", async () => {
    const { rest, errors } = await silent([]);
    await expect(rest()).rejects.toThrow();
    expect(errors).toEqual([]);
  });

  test("is refused with a status when it was silent before its headers", async () => {
    const { url } = await streaming(
      async function* ({ scope }) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (scope.case !== undefined) yield { resourceId: "never" };
        throw new ConnectError("not now", Code.Unavailable);
      },
      { handler: { silenceMs: 5 } },
    );
    expect((await post(url, jsonl)).status).toBe(503);
  });
});

/** A stream that fails before its first message. */
function failing(error: Error): AsyncIterable<{ resourceId: string }> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

describe("an error before the first line has a status and a body", () => {
  const refusal = new ConnectError("not now", Code.ResourceExhausted, { "retry-after": "3" });

  test("of the handler, with its headers", async () => {
    const { url } = await streaming(() => failing(refusal));
    const response = await post(url, jsonl);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "3"]);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({ code: "resource_exhausted", message: "not now" });
  });

  test("of the gate, which comes before the body is judged", async () => {
    const requestGate = () => {
      throw new ConnectError("who?", Code.Unauthenticated);
    };
    const { url } = await streaming(echo, { handler: { requestGate } });
    const response = await post(url, jsonl, "{");
    expect([response.status, await response.json()]).toEqual([
      401,
      { code: "unauthenticated", message: "who?" },
    ]);
  });

  test.each([
    ["JSON that is cut off", "{", "the request is not valid JSON"],
    ["an empty body", "", "ends too early"],
    ["two lines", "{}\n{}", "wrong at character 3"],
    ["an unknown enum name", '{"resourceTypeFilters":[{"resourceType":"NOPE"}]}', 'unknown value "NOPE"'],
    ["invalid UTF-8", Buffer.from('{"environmentId":"\xff"}', "latin1"), "UTF-8"],
  ])("of the decoder: %s", async (_name, body, message) => {
    const { url } = await streaming(echo);
    const response = await post(url, jsonl, body);
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ code: "invalid_argument", message: expect.stringContaining(message) }),
    ]);
  });

  test.each([
    ["an unknown compression", { "content-encoding": "br2" }, 501],
    ["a deadline that is none", { "connect-timeout-ms": "soon" }, 400],
  ])("of the protocol: %s", async (_name, headers, status) => {
    const { url } = await streaming(echo);
    expect((await post(url, { ...jsonl, ...headers })).status).toBe(status);
  });

  test("of the message limit", async () => {
    const { url } = await streaming(echo, { limits: { messageBytes: 1000 } });
    const response = await post(url, jsonl, `{"environmentId":"${"x".repeat(2000)}"}`);
    expect([response.status, await response.json()]).toEqual([
      429,
      expect.objectContaining({ code: "resource_exhausted" }),
    ]);
  });
});

describe("an error after the answer has begun cuts it", () => {
  const later = new ConnectError("later", Code.Unavailable);

  /** A server that fails after its first line, when it may. */
  async function failingLater() {
    const read = Promise.withResolvers<void>();
    const { url, errors } = await streaming(async function* () {
      yield { resourceId: "first" };
      await read.promise;
      throw later;
    });
    return { url, errors, fail: read.resolve };
  }

  test("over HTTP/1.1", async () => {
    const { url, errors, fail } = await failingLater();
    const reader = (await post(url, jsonl)).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toMatch(
      /^{"resourceId":"first"} *\n$/,
    );
    fail();
    await expect(reader?.read()).rejects.toThrow();
    expect(errors).toEqual([]);
  });

  test("over HTTP/2", async () => {
    const { url, errors, fail } = await failingLater();
    const session = http2.connect(url);
    const stream = session.request({ ":method": "POST", ":path": path, ...jsonl });
    stream.end("{}");
    stream.once("data", fail);
    await expect(once(stream, "end")).rejects.toThrow("NGHTTP2_INTERNAL_ERROR");
    session.destroy();
    expect(errors).toEqual([]);
  });

  test("when its headers were all that was sent", async () => {
    const { url, errors } = await streaming((_request, { values }) => {
      values.get(sendHeadersKey)(new Headers());
      return failing(later);
    });
    const response = await post(url, jsonl);
    await expect(response.text()).rejects.toThrow();
    expect(errors).toEqual([]);
  });
});

describe("JSON lines are not served", () => {
  test("unasked: a stream with a plain body of JSON is 415, and says what would be", async () => {
    const { url } = await streaming(echo);
    const response = await post(url, { "content-type": "application/json" });
    expect([response.status, response.headers.get("accept-post")]).toEqual([
      415,
      expect.stringMatching(/application\/connect\+json.*, application\/jsonl$/),
    ]);
  });

  test("for a method that answers once", async () => {
    const { url } = await streaming(echo);
    const response = await fetch(`${url}/gitpod.v1.RunnerService/ListRunners`, {
      method: "POST",
      headers: jsonl,
      body: "{}",
    });
    expect([response.status, response.headers.get("accept-post")]).toEqual([
      415,
      expect.not.stringMatching(/jsonl/),
    ]);
  });

  test("to a GET", async () => {
    const { url } = await streaming(echo);
    const response = await fetch(`${url}${path}`, { headers: { accept: "application/jsonl" } });
    expect(response.status).toBe(405);
  });
});
