import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import http2 from "node:http2";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "../support/eventually.ts";
import { RawClient } from "./support/raw.ts";
import { Gate, type Toy, toyServer } from "./support/toy-server.ts";

// A call that is neither answered nor closed holds its client for ever. What a body looks like on the wire, and when it
// comes, must make no difference: the end of a body can arrive before anybody reads it.

let server: Toy;
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const path = "/gitpod.v1.RunnerService/ListRunners";
const types = ["application/proto", "application/json", "application/grpc-web+proto", "application/grpc"];
const post = (type: string) => ({ ":method": "POST", ":path": path, "content-type": type, te: "trailers" });
/** An empty message: of no bytes, but for JSON and the frame's head. */
const messageOf = (type: string) => Buffer.alloc(type.includes("grpc") ? 5 : 0);

/** However it closes: `once` would reject when it does with an error. */
const closed = (stream: http2.ClientHttp2Stream) =>
  new Promise((resolve) => stream.on("error", () => {}).once("close", resolve));

/** How a request can end on HTTP/2. */
const http2Ends: Record<string, (stream: http2.ClientHttp2Stream, body: Buffer) => void> = {
  "an empty DATA frame": (stream) => stream.end(Buffer.alloc(0)),
  "the body in one DATA frame": (stream, body) => stream.end(body),
  "the body, then an empty DATA frame": (stream, body) => {
    stream.write(body);
    setImmediate(() => stream.end());
  },
  trailers: (stream, body) => {
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-checksum": "1" }));
    stream.end(body);
  },
};

const gated = async (gate: Gate) => {
  server = await toyServer({ handler: { requestGate: () => gate.wait() } });
};

describe.each(types)("%s: a body that ends while the gate waits", (type) => {
  test("with the headers of HTTP/2", async () => {
    const gate = new Gate();
    await gated(gate);
    const session = http2.connect(server.url);
    const stream = session.request(post(type), { endStream: true }).resume();
    await gate.reached;
    gate.open();
    expect((await once(stream, "response"))[0][":status"]).toBeGreaterThanOrEqual(200);
    await once(stream, "close");
    session.destroy();
  });

  test.each(Object.entries(http2Ends))("with %s", async (how, end) => {
    const gate = new Gate();
    await gated(gate);
    const session = http2.connect(server.url);
    const stream = session.request(post(type), { waitForTrailers: how === "trailers" }).resume();
    end(stream, messageOf(type));
    await once(stream, "finish");
    await gate.reached;
    // Answered after everything that was sent before it: the end of the body has arrived.
    await new Promise((resolve) => session.ping(resolve));
    gate.open();
    await Promise.all([once(stream, "response"), once(stream, "close")]);
    session.destroy();
  });
});

test.each([
  ["of no length", "Content-Length: 0\r\n\r\n"],
  ["of no chunks", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["of no chunks but trailers", "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Checksum: 1\r\n\r\n"],
])("HTTP/1.1: a body %s that ends while the gate waits", async (_what, rest) => {
  const gate = new Gate();
  await gated(gate);
  await using client = await RawClient.connect(server.port);
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\n`;
  client.send(`${head}${rest}`.repeat(3));
  await gate.reached;
  gate.open();
  // The connection is used again, by requests that came before the first one was answered.
  while ((await client.until("HTTP/1.1 200 OK")).split("HTTP/1.1 200 OK").length < 4)
    await new Promise(setImmediate);
});

test.each(types)("%s: a stream that is closed holds nothing of its call", async (type) => {
  server = await toyServer({ handler: { hotPath: true } });
  const taken: http2.ServerHttp2Stream[] = [];
  const take = (message: unknown) => void taken.push((message as { stream: http2.ServerHttp2Stream }).stream);
  subscribe("http2.server.stream.created", take);
  const session = http2.connect(server.url);
  const stream = session.request(post(type)).resume().end(messageOf(type));
  await once(stream, "close");
  unsubscribe("http2.server.stream.created", take);
  const [served] = taken;
  if (served === undefined) throw new Error("no stream was served");
  if (!served.closed) await once(served, "close");
  await new Promise(setImmediate);
  // A late error must still find somebody, or it ends the process.
  expect(served.eventNames()).toEqual(["error"]);
  session.destroy();
});

test("whenever the gate opens and however the body is cut, each call is answered", async () => {
  const waits = {
    none: () => Promise.resolve(),
    tick: () => new Promise<void>((resolve) => process.nextTick(resolve)),
    turn: () => new Promise<void>((resolve) => setImmediate(resolve)),
    time: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
  };
  const wait = fc.constantFrom(...(Object.keys(waits) as (keyof typeof waits)[]));
  const call = fc.record({
    type: fc.constantFrom(...types),
    gate: wait,
    cuts: fc.array(wait, { maxLength: 3 }),
  });
  server = await toyServer({
    handler: {
      requestGate: ({ requestHeader }) =>
        waits[(requestHeader.get("x-gate") ?? "none") as keyof typeof waits](),
    },
  });
  const session = http2.connect(server.url);
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 20 }), async (calls) => {
      const answers = calls.map(async ({ type, gate, cuts }) => {
        const stream = session.request({ ...post(type), "x-gate": gate }).resume();
        const answered = Promise.all([once(stream, "response"), once(stream, "close")]);
        const body = messageOf(type);
        for (const [index, cut] of cuts.entries()) {
          stream.write(body.subarray(index, index + 1));
          await waits[cut]();
        }
        stream.end(body.subarray(cuts.length));
        await answered;
      });
      await Promise.all(answers);
    }),
    { numRuns: 200 },
  );
  session.destroy();
});

describe.each([true, false])(
  "hot path %s: an answer that cannot be carried ends the call, and is told",
  (hotPath) => {
    const unanswerable = async () => {
      server = await toyServer({
        handler: {
          hotPath,
          interceptors: [
            (next) => async (request) => {
              const response = await next(request);
              response.header.set("x-broken", "\u0001");
              // Through Connect over HTTP/2 Node.js would leave it out, and warn of it.
              if (hotPath || request.header.has("host")) response.header.set("connection", "close");
              return response;
            },
          ],
        },
      });
    };

    test("over HTTP/1.1", async () => {
      await unanswerable();
      await using client = await RawClient.connect(server.port);
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\n`;
      client.send(`${head}Content-Length: 0\r\n\r\n`);
      const closed = client.closed;
      const answered = client.until("HTTP/1.1 500");
      await Promise.race([closed, answered]);
      expect(server.errors).toHaveLength(1);
    });

    // Through Connect, Node.js does not look into the header.
    test("over HTTP/2", async () => {
      await unanswerable();
      const session = http2.connect(server.url);
      const stream = session.request(post("application/proto"), { endStream: true }).resume();
      let answered = false;
      stream.on("response", () => {
        answered = true;
      });
      await closed(stream);
      session.destroy();
      expect([answered, server.errors.length]).toEqual(hotPath ? [false, 1] : [true, 0]);
    });
  },
);

describe("a call whose client goes away is forgotten", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const breaks = {
    "resets its stream": (stream: http2.ClientHttp2Stream) => stream.close(http2.constants.NGHTTP2_CANCEL),
    "resets its stream without an error": (stream: http2.ClientHttp2Stream) => stream.close(),
    "sends GOAWAY and closes": (stream: http2.ClientHttp2Stream) => stream.session?.destroy(),
  };
  const calls: WeakRef<HandlerContext>[] = [];
  let ended = 0;
  /** Remembers each call without holding it. Its signal has made a timer for its deadline, which ends with the call. */
  const note = (context: HandlerContext) => {
    context.signal.addEventListener("abort", () => {
      ended += 1;
    });
    calls.push(new WeakRef(context));
  };
  const forgotten = async (connections = 0) => {
    await server.connections(connections);
    await until("all calls are collected", () => {
      collect();
      return calls.every((call) => call.deref() === undefined);
    });
    expect(ended).toBe(calls.length);
    ended = 0;
    return calls.splice(0).map((call) => call.deref() === undefined);
  };

  test.each(Object.entries(breaks))("when it %s", async (_how, breakOff) => {
    server = await toyServer({ handler: { hotPath: true, requestGate: note } });
    for (const type of types) {
      const session = http2.connect(server.url).on("error", () => {});
      await once(session, "connect");
      const deadline = type.includes("grpc") ? { "grpc-timeout": "1H" } : { "connect-timeout-ms": "3600000" };
      const stream = session.request({ ...post(type), ...deadline }).on("error", () => {});
      stream.write(Buffer.from([0, 0, 0]));
      await new Promise((resolve) => session.ping(resolve));
      const gone = closed(stream);
      breakOff(stream);
      await gone;
      session.destroy();
    }
    expect(await forgotten()).toEqual(types.map(() => true));
  });

  test("and so is one that is refused before its body has come, once that has, though the connection goes on", async () => {
    const refuse = (context: HandlerContext) => {
      note(context);
      throw new ConnectError("no", Code.Unauthenticated);
    };
    server = await toyServer({ handler: { hotPath: true, requestGate: refuse } });
    await using client = await RawClient.connect(server.port);
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n`;
    for (let call = 1; call <= 10; call += 1) {
      client.send(head);
      while (((await client.more()).match(/"no"/g) ?? []).length < call);
      client.send("{}");
    }
    expect(await forgotten(1)).toEqual(Array.from({ length: 10 }, () => true));
  });

  test("when it breaks its connection of HTTP/1.1", async () => {
    server = await toyServer({ handler: { hotPath: true, requestGate: note } });
    for (let round = 0; round < 4; round += 1) {
      await using client = await RawClient.connect(server.port);
      client.send(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnect-Timeout-Ms: 3600000\r\nContent-Length: 9\r\n\r\n{`,
      );
      while (calls.length <= round) await new Promise(setImmediate);
      client.socket.resetAndDestroy();
    }
    expect(await forgotten()).toEqual([true, true, true, true]);
  });

  test("when its handler answers long after", async () => {
    const gate = new Gate();
    server = await toyServer({ gate, handler: { hotPath: true, requestGate: note } });
    const session = http2.connect(server.url);
    const headers = {
      ...post("application/json"),
      ":path": path.replace("List", "Get").replace("Runners", "Runner"),
    };
    const stream = session.request({ ...headers, "connect-timeout-ms": "3600000" }).on("error", () => {});
    stream.end("{}");
    await gate.reached;
    session.destroy();
    await server.connections(0);
    gate.open();
    expect(await forgotten()).toEqual([true]);
  });
});
