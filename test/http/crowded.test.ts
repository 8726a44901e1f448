import { once } from "node:events";
import http2 from "node:http2";
import { afterEach, describe, expect, test } from "vitest";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import type { Limits } from "../../src/domain/limits/connection-limits.ts";
import { scrapeEndpoint } from "../../src/http/plain/scrape.ts";
import { RawClient } from "./support/raw.ts";
import { Gate, type Toy, toyServer } from "./support/toy-server.ts";

// Clients that take nothing of their answers, and addresses that open all connections.

let server: Toy;
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const megabytes = 16;
const start = async (limits: Partial<Limits>, monotonic?: () => number) => {
  server = await toyServer({
    limits,
    ...(monotonic && { monotonic }),
    handler: {
      openMethods: new Set([RunnerService.method.createRunner]),
      plain: {
        "/large": () => ({ status: 200, headers: {}, body: Buffer.alloc(megabytes * 1024 * 1024) }),
        "/small": () => ({ status: 200, headers: {}, body: "small" }),
      },
    },
  });
};
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const call =
  "POST /gitpod.v1.RunnerService/ListRunners HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
const openCall = call.replace("ListRunners", "CreateRunner");

async function connect(text?: string): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  if (text !== undefined) client.send(text);
  return client;
}
/** A client that asks, and takes nothing of the answer. */
async function deaf(text: string): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  client.socket.pause();
  client.send(text);
  return client;
}
async function answers(client: RawClient, text: string, answer: string): Promise<void> {
  client.send(text);
  await client.until(answer);
}

test("an answer over HTTP/1.1 that its client takes nothing of closes the connection", async () => {
  await start({ requestTimeoutMs: 50 });
  await using _deaf = await deaf(get("/large"));
  await server.connections(1);
  await server.connections(0);
});

test("that leaves a stream alone that has nothing to say", async () => {
  const gate = new Gate();
  server = await toyServer({ limits: { requestTimeoutMs: 50 }, gate });
  const headers = "Host: x\r\nContent-Type: application/jsonl\r\nContent-Length: 2\r\n\r\n{}";
  await using quiet = await connect(`POST /gitpod.v1.EventService/WatchEvents HTTP/1.1\r\n${headers}`);
  await quiet.until("first");
  // Cut off after the first look that would cut the quiet one off too.
  for (let i = 0; i < 2; i += 1) {
    await using slow = await connect(call.slice(0, -1));
    expect(await slow.closed).toMatch(/^HTTP\/1\.1 408 /);
  }
  gate.open();
  await quiet.until("last");
});

describe("answers that are not taken, of all connections", () => {
  const limits = { unsentBytes: 1.5 * megabytes * 1024 * 1024 };

  test("over HTTP/1.1: the connections that hold the most are closed, and others are served", async () => {
    await start(limits);
    await using modest = await connect();
    await answers(modest, get("/small"), "small");
    await using _one = await deaf(get("/large"));
    await using _two = await deaf(get("/large").repeat(3));
    await server.connections(3);
    await server.connections(2);
    await answers(modest, call, "{}");
  });

  test("over HTTP/2", async () => {
    await start(limits);
    const session = http2.connect(server.url, { settings: { initialWindowSize: 0 } });
    session.on("error", () => {});
    for (let i = 0; i < 3; i += 1) session.request({ ":path": "/large" }).on("error", () => {});
    await once(session, "close");
    await using modest = await connect();
    await answers(modest, get("/small"), "small");
  });
});

test("requests that are sent far ahead of their answers close the connection", async () => {
  const gate = new Gate();
  server = await toyServer({ limits: { streamsPerConnection: 4 }, gate });
  const waits = call.replace("ListRunners", "GetRunner");
  await using patient = await connect(waits);
  await using hasty = await connect(waits + call.repeat(1000));
  await hasty.closed;
  await server.connections(1);
  expect(gate.waiting).toBe(2);
  gate.open();
  await patient.until("{");
  await answers(patient, call.repeat(3), "{}");
});

test("only so many scrapes are put together at once", async () => {
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  const render = () => finished.then(() => "rollcall_up 1\n");
  const admit = async () => "a reader";
  server = await toyServer({
    handler: { plain: { "/metrics": scrapeEndpoint({ admit, render, who: "a user's" }) } },
  });
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect(get("/metrics"))));
  const refused = await Promise.race(clients.map((client) => client.until("\r\n\r\n")));
  expect(refused).toMatch(/^HTTP\/1\.1 429 /);
  expect(refused).toContain("Retry-After: 1\r\n");
  finish();
  for (const client of clients) await client.until("\r\n\r\n");
  const texts = await Promise.all(clients.map((client) => client.until("\r\n\r\n")));
  expect(texts.filter((text) => text.startsWith("HTTP/1.1 200 "))).toHaveLength(4);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

describe("connections without a good token", () => {
  let now = 0;
  const startAt = async (limits: Partial<Limits>) => {
    now = 0;
    await start(limits, () => now);
  };
  /** Connections that have said nothing, the oldest first. */
  const silent = async (count: number) => {
    const clients = new AsyncDisposableStack();
    const all: RawClient[] = [];
    const before = server.listener.connections();
    for (let at = 1; at <= count; at += 1) {
      all.push(clients.use(await connect()));
      await server.connections(before + at);
    }
    return { all, [Symbol.asyncDispose]: () => clients.disposeAsync() };
  };

  test("of one address: one more closes the oldest that was answered, and is served", async () => {
    await startAt({ connections: 4, strangersPerAddress: 2 });
    await using oldest = await connect();
    await answers(oldest, get("/small"), "small");
    await using second = await connect();
    await answers(second, get("/small"), "small");
    // Keeping it busy does not make it younger.
    await answers(oldest, openCall, "{}");
    await using third = await connect();
    await answers(third, get("/small"), "small");
    await oldest.closed;
    await server.connections(2);
    expect(server.listener.displaced()).toBe(1);
    await answers(second, call, "{}");
  });

  test("of one address: runners that come back at once all get to show their tokens", async () => {
    await startAt({ connections: 20, strangersPerAddress: 2 });
    await using runners = await silent(20);
    now = 2_000;
    for (const runner of runners.all) await answers(runner, call, "{}");
    expect(server.listener.displaced()).toBe(0);
  });

  test("of one address: those that take longer than 2 seconds to show one go, the oldest first", async () => {
    await startAt({ connections: 4, strangersPerAddress: 2 });
    await using waiting = await silent(2);
    now = 2_001;
    await using next = await connect();
    await waiting.all[0]?.closed;
    await answers(next, call, "{}");
    expect(server.listener.displaced()).toBe(1);
    for (const one of waiting.all.slice(1)) await answers(one, call, "{}");
  });

  test("of one address: while half of all connections are free none has to go", async () => {
    await startAt({ connections: 8, strangersPerAddress: 1 });
    await using waiting = await silent(2);
    for (const one of waiting.all) await answers(one, get("/small"), "small");
    now = 60_000;
    await using next = await connect();
    await answers(next, get("/small"), "small");
    for (const one of waiting.all) await answers(one, get("/small"), "small");
    expect(server.listener.displaced()).toBe(0);
  });

  test("those over which a call came with a good token do not count", async () => {
    await startAt({ connections: 4, strangersPerAddress: 1 });
    await using first = await connect();
    await answers(first, call, "{}");
    await using second = await connect();
    await answers(second, call, "{}");
    now = 60_000;
    await using _third = await connect();
    await answers(first, get("/small"), "small");
    await server.connections(3);
    expect(server.listener.displaced()).toBe(0);
  });

  test("of all addresses: they make room when the server is full, and others do not", async () => {
    await startAt({ connections: 2 });
    await using stranger = await connect();
    await answers(stranger, get("/small"), "small");
    await using known = await connect();
    await answers(known, call, "{}");
    await using next = await connect();
    await answers(next, call, "{}");
    await stranger.closed;
    await using refused = await connect(get("/small"));
    expect(await refused.closed).toMatch(/^HTTP\/1\.1 503 /);
    await answers(known, get("/small"), "small");
  });

  test("of all addresses: one that has just come does not make room", async () => {
    await startAt({ connections: 1 });
    await using first = await silent(1);
    await using refused = await connect(get("/small"));
    expect(await refused.closed).toMatch(/^HTTP\/1\.1 503 /);
    await server.connections(1);
    now = 2_001;
    await using next = await connect();
    await first.all[0]?.closed;
    await answers(next, get("/small"), "small");
  });
});
