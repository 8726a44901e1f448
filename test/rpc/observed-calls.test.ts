import { once } from "node:events";
import http2 from "node:http2";
import { afterEach, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { defaultLimits } from "../../src/domain/limits/connection-limits.ts";
import { RawClient } from "../http/support/raw.ts";
import { type ClientOptions, type Wire, wires } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { scrape } from "../support/metrics.ts";
import { refusal } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

// Every call is counted and logged once, whichever way it goes and however it ends.

const unknown = "01a20abb-0bfb-7000-9565-cb103eb5ccda";
const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

let server: TestServer;
afterEach(() => server.close());

/** The line of the only call of a method that was logged. */
function lineOf(method: string): Record<string, unknown> {
  const lines = server.log.lines().filter((line) => line.method === method && "durationMs" in line);
  expect(lines).toHaveLength(1);
  return lines[0] ?? {};
}

/** How often calls of a method ended with each code. */
async function codesOf(method: string, protocol: string): Promise<Record<string, number>> {
  const { text } = await scrape(server);
  const found = text.matchAll(
    /^rollcall_calls_total\{service="(.+?)",method="(.+?)",protocol="(.+?)",code="(.+?)"\} (\d+)$/gm,
  );
  const own = [...found].filter(
    ([, service, name, by]) => `${service}/${name}` === method && by === protocol,
  );
  return Object.fromEntries(own.map(([, , , , code, count]) => [code, Number(count)]));
}

describe.each([true, false])("with the hot path %s", (hotPath) => {
  const start = async () => {
    server = await startTestServer({ config: { hotPath } });
  };

  describe.each(wires)("over %s", (wire) => {
    const protocol = protocolOf(wire);
    const runners = (options: Partial<ClientOptions> = {}) =>
      server.client(RunnerService, { wire, ...options });

    test("a call that goes well, with quiet and without an id of its own in the answer", async () => {
      await start();
      const answered: Headers[] = [];
      const onHeader = (headers: Headers) => void answered.push(headers);
      await runners({ headers: { "x-request-id": "mine" } }).listRunners({}, { onHeader });
      expect(answered.map((headers) => headers.has("x-request-id"))).toEqual([false]);
      const method = "gitpod.v1.RunnerService/ListRunners";
      expect(await codesOf(method, protocol)).toEqual({ ok: 1 });
      expect(lineOf(method)).toMatchObject({
        level: 20,
        code: "ok",
        protocol,
        requestId: "mine",
        msg: "call",
      });
      const { sum } = await scrape(server);
      const labels = { method: "ListRunners", result: "ok" };
      expect(sum("rollcall_call_duration_seconds_count", labels)).toBe(1);
    });

    test("a call that is refused at the gate, with the client's id and trace", async () => {
      await start();
      const headers = { "x-request-id": "deploy/7", traceparent: `00-${traceId}-${spanId}-01` };
      const refused = await refusal(runners({ token: "nobody's", headers }).getRunner({ runnerId: unknown }));
      expect(refused.headers.get("x-request-id")).toBe("deploy/7");
      const method = "gitpod.v1.RunnerService/GetRunner";
      expect(await codesOf(method, protocol)).toEqual({ unauthenticated: 1 });
      expect(lineOf(method)).toMatchObject({ level: 30, requestId: "deploy/7", traceId, spanId });
    });

    test("a call that the handler refuses, with an id that is made for it", async () => {
      await start();
      const headers = { "x-request-id": "has blanks in it", traceparent: "00-nonsense-01" };
      const refused = await refusal(runners({ headers }).getRunner({ runnerId: unknown }));
      const id = refused.headers.get("x-request-id");
      expect(id).toMatch(/^[\da-f-]{36}$/);
      const method = "gitpod.v1.RunnerService/GetRunner";
      expect(await codesOf(method, protocol)).toEqual({ not_found: 1 });
      const line = lineOf(method);
      expect(line).toMatchObject({ requestId: id, refusal: "runner not found", msg: "call refused" });
      expect(line).not.toHaveProperty("traceId");
    });

    test("a call that breaks a rule of the contract", async () => {
      await start();
      await refusal(runners().getRunner({ runnerId: "no id" }));
      const method = "gitpod.v1.RunnerService/GetRunner";
      expect(await codesOf(method, protocol)).toEqual({ invalid_argument: 1 });
      expect(lineOf(method).code).toBe("invalid_argument");
    });
  });

  const bearer = { authorization: `Bearer ${adminToken}` };
  const create = "gitpod.v1.RunnerService/CreateRunner";

  test.each([
    ["connect", "application/json", '{"name":'],
    ["grpc-web", "application/grpc-web+proto", "\0\0\0\0\x02\xff\xff"],
  ])("a request of %s that cannot be read", async (protocol, type, body) => {
    await start();
    const sent = { ...bearer, "content-type": type, "x-request-id": "unread" };
    const answer = await server.post(create, Buffer.from(body, "latin1"), sent);
    const [code = ""] = Object.keys(await codesOf(create, protocol));
    expect(await codesOf(create, protocol)).toEqual({ [code]: 1 });
    expect(lineOf(create)).toMatchObject({ code, requestId: "unread" });
    expect(JSON.stringify([answer.headers, answer.text])).toContain("unread");
  });

  test("a message that is too large", async () => {
    server = await startTestServer({
      config: { hotPath, limits: { ...defaultLimits, messageBytes: 1024 } },
    });
    await server.post(create, { name: "x".repeat(2000) }, bearer);
    expect(await codesOf(create, "connect")).toEqual({ resource_exhausted: 1 });
  });

  test("a client that breaks off before its request is there, over HTTP/1.1", async () => {
    await start();
    const client = await RawClient.connect(Number(new URL(server.url).port));
    client.send(
      `POST /${create} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
        `Authorization: ${bearer.authorization}\r\nContent-Length: 100\r\n\r\n{`,
    );
    await server.post("gitpod.v1.RunnerService/ListRunners", {}, bearer);
    client.socket.resetAndDestroy();
    await eventually(async () => {
      expect(await codesOf(create, "connect")).toEqual({ canceled: 1 });
    });
  });

  test("a client that resets its stream before its request is there, over HTTP/2", async () => {
    await start();
    const session = http2.connect(server.url);
    const stream = session.request({
      ...bearer,
      ":method": "POST",
      ":path": `/${create}`,
      "content-type": "application/grpc",
    });
    // Sent before the next request: with its answer the server has read it.
    await new Promise((resolve) => stream.write(Buffer.from("\0\0"), resolve));
    await once(session.request({ ":path": "/healthz" }).resume(), "close");
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await eventually(async () => {
      // Node.js may tell of the end of the body before it tells why: to the reader it is an incomplete one then.
      expect([{ invalid_argument: 1 }, { canceled: 1 }]).toContainEqual(await codesOf(create, "grpc"));
    });
    session.destroy();
  });

  test("an internal error, whose line says which call it was", async () => {
    const fault = new Error("a fault");
    server = await startTestServer({
      config: { hotPath },
      newId: (() => {
        let calls = 0;
        return () => {
          calls += 1;
          if (calls > 50) throw fault;
          return `01a20abb-0bfb-7000-9565-${String(calls).padStart(12, "0")}`;
        };
      })(),
    });
    const runners = server.client(RunnerService, { headers: { "x-request-id": "unlucky" } });
    const name = { name: "runner", provider: RunnerProvider.GCP };
    let code = "";
    for (let left = 60; left > 0 && code !== "internal"; left -= 1) {
      code = await runners.createRunner(name).then(
        () => "ok",
        (error) => (String(error).includes("internal error") ? "internal" : String(error)),
      );
    }
    expect(code).toBe("internal");
    const line = server.log.lines().find(({ msg }) => msg === "internal error");
    expect(line).toMatchObject({ level: 50, requestId: "unlucky" });
    expect((await scrape(server)).sum("rollcall_internal_errors_total")).toBe(1);
  });

  test("procedures that nobody has make one series, however many are tried", async () => {
    await start();
    for (const name of ["A", "B", "C"]) await server.post(`nobody.v1.Knows/${name}`, {}, bearer);
    const { sum, text } = await scrape(server);
    expect(sum("rollcall_unknown_procedure_calls_total")).toBe(3);
    expect(text).not.toContain("nobody.v1.Knows");
  });
});

describe("a stream", () => {
  const labels = { service: "gitpod.v1.EventService", method: "WatchEvents" };

  test.each(["grpc 2", "connect-json 1.1", "grpc-web 2"] as const)(
    "over %s is open until its client leaves, and counts what it sends",
    async (wire) => {
      server = await startTestServer();
      const stop = new AbortController();
      const watch = server.client(EventService, { wire }).watchEvents({}, { signal: stop.signal });
      const events = watch[Symbol.asyncIterator]();
      const first = events.next();
      await eventually(async () =>
        expect((await scrape(server)).sum("rollcall_streams_open", labels)).toBe(1),
      );
      expect((await scrape(server)).sum("rollcall_watchers", { kind: "events" })).toBe(1);
      await server.client(RunnerService).createRunner({ name: "seen", provider: RunnerProvider.GCP });
      await first;
      expect((await scrape(server)).sum("rollcall_stream_messages_sent_total", labels)).toBeGreaterThan(0);
      expect((await scrape(server)).sum("rollcall_calls_total", labels)).toBe(0);
      stop.abort();
      await events.next().catch(() => {});
      await eventually(async () => {
        const { sum } = await scrape(server);
        expect(sum("rollcall_streams_open", labels)).toBe(0);
        expect(sum("rollcall_calls_total", { ...labels, code: "canceled" })).toBe(1);
        expect(sum("rollcall_calls_total", labels)).toBe(1);
        expect(sum("rollcall_watchers", { kind: "events" })).toBe(0);
      });
      expect(lineOf("gitpod.v1.EventService/WatchEvents")).toMatchObject({ level: 20, code: "canceled" });
    },
  );

  test("that is refused is never open", async () => {
    server = await startTestServer();
    const watch = server.client(EventService, { token: "nobody's" }).watchEvents({});
    await refusal(watch[Symbol.asyncIterator]().next());
    const { sum } = await scrape(server);
    expect(sum("rollcall_calls_total", { ...labels, code: "unauthenticated" })).toBe(1);
    expect(sum("rollcall_streams_open", labels)).toBe(0);
  });

  test("that its handler refuses is told as any other call", async () => {
    server = await startTestServer();
    const headers = { "x-watch-cursor": "damaged", "x-request-id": "watching" };
    const watch = server.client(EventService, { headers }).watchEvents({});
    const refused = await refusal(watch[Symbol.asyncIterator]().next());
    expect(refused.code).toBe("invalid_argument");
    expect(lineOf("gitpod.v1.EventService/WatchEvents")).toMatchObject({
      level: 30,
      code: "invalid_argument",
      requestId: "watching",
    });
    expect((await scrape(server)).sum("rollcall_streams_open", labels)).toBe(0);
  });

  test("that ends with the server is told as unavailable", async () => {
    server = await startTestServer();
    const session = http2.connect(server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": "/gitpod.v1.EventService/WatchEvents",
      "content-type": "application/grpc",
      authorization: `Bearer ${adminToken}`,
    });
    stream.end(Buffer.alloc(5)).resume();
    const trailers = once(stream, "trailers");
    await eventually(async () => expect((await scrape(server)).sum("rollcall_streams_open", labels)).toBe(1));
    await server.restart();
    expect((await trailers)[0]["grpc-status"]).toBe("14");
    session.destroy();
    expect(lineOf("gitpod.v1.EventService/WatchEvents").code).toBe("unavailable");
  });
});

test("a client can neither forge a line of the log nor flood it with its request id", async () => {
  server = await startTestServer();
  for (const id of ["x".repeat(129), 'a"b', "a b", "a\tb", "ü"]) {
    const answer = await server.post("gitpod.v1.IdentityService/GetIDToken", {}, { "x-request-id": id });
    expect(answer.headers["x-request-id"]).toMatch(/^[\da-f-]{36}$/);
  }
  const kept = "A-z0.9_:/+=@";
  const options = { headers: { "x-request-id": kept }, token: "nobody's" };
  const refused = await refusal(server.client(IdentityService, options).getAuthenticatedIdentity({}));
  expect(refused.headers.get("x-request-id")).toBe(kept);
});

function protocolOf(wire: Wire): string {
  return wire.startsWith("connect") ? "connect" : (wire.split(" ")[0] ?? "");
}
