import { once } from "node:events";
import http2 from "node:http2";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { until } from "../support/eventually.ts";
import { frames, frameType, http2Opening, RawClient } from "./support/raw.ts";
import { Gate, toyServer } from "./support/toy-server.ts";

const call =
  "POST /gitpod.v1.RunnerService/GetRunner HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const minute = 60_000;

describe("close", () => {
  test("closes idle connections of every kind at once, and the port with them", async () => {
    await using server = await toyServer();
    await using silent = await RawClient.connect(server.port);
    await using h1 = await RawClient.connect(server.port);
    await using h2 = await RawClient.connect(server.port);
    h1.send("GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n");
    h2.send(http2Opening);
    await h1.until("}\n");
    await h2.until("\x00\x00\x00\x04\x01");
    expect(await server.listener.close(minute)).toEqual({ forced: 0 });
    expect(server.listener.connections()).toBe(0);
    await Promise.all([silent.closed, h1.closed]);
    const goaway = frames(await h2.closed).find((frame) => frame.type === frameType.goaway);
    expect(goaway?.payload.readUInt32BE(4)).toBe(0);
    await expect(RawClient.connect(server.port)).rejects.toThrow("ECONNREFUSED");
  });

  test("lets a running HTTP/1.1 call finish and says that its answer is the last", async () => {
    const gate = new Gate();
    await using server = await toyServer({ gate });
    await using client = await RawClient.connect(server.port);
    client.send(`${call}Content-Length: 2\r\n\r\n{}`);
    await gate.reached;
    const closing = server.listener.close(minute);
    gate.open();
    expect(await closing).toEqual({ forced: 0 });
    const answer = await client.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
    expect(answer).toContain('{"runner":{}}');
  });

  test("lets running HTTP/2 calls finish after GOAWAY and takes no new ones", async () => {
    const gate = new Gate();
    await using server = await toyServer({ gate });
    const session = http2.connect(server.url);
    await once(session, "remoteSettings");
    const headers = {
      ":path": "/gitpod.v1.RunnerService/GetRunner",
      ":method": "POST",
      "content-type": "application/json",
    };
    const stream = session.request(headers);
    stream.end("{}");
    await gate.reached;
    const goaway = once(session, "goaway");
    const closing = server.listener.close(minute);
    expect((await goaway)[0]).toBe(http2.constants.NGHTTP2_NO_ERROR);
    gate.open();
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('{"runner":{}}');
    expect(await closing).toEqual({ forced: 0 });
    session.destroy();
  });

  test("lets a running stream end by itself", async () => {
    const gate = new Gate();
    await using server = await toyServer({ gate });
    const client = createClient(EventService, createGrpcTransport({ baseUrl: server.url }));
    const seen: string[] = [];
    let closing: Promise<{ forced: number }> | undefined;
    for await (const { resourceId } of client.watchEvents({})) {
      seen.push(resourceId);
      closing ??= server.listener.close(minute);
      gate.open();
    }
    expect(seen).toEqual(["first", "last"]);
    expect(await closing).toEqual({ forced: 0 });
  });

  test("cuts off what still runs at the deadline, counts it, and leaves no socket open", async () => {
    const gate = new Gate();
    await using server = await toyServer({ gate });
    const options = { baseUrl: server.url };
    const grpc = createClient(EventService, createGrpcTransport(options));
    const connect = createClient(RunnerService, createConnectTransport({ ...options, httpVersion: "1.1" }));
    const watching = grpc.watchEvents({})[Symbol.asyncIterator]();
    await watching.next();
    const getting = connect.getRunner({ runnerId: "x" }).catch(ConnectError.from);
    await until("both calls are being served", () => gate.waiting === 2);
    expect(await server.listener.close(50)).toEqual({ forced: 2 });
    expect(server.listener.connections()).toBe(0);
    expect(await getting).toBeInstanceOf(ConnectError);
    const cut = await watching.next().catch(ConnectError.from);
    expect(cut).toBeInstanceOf(ConnectError);
    expect([Code.Internal, Code.Unavailable, Code.Canceled, Code.Aborted]).toContain(
      (cut as ConnectError).code,
    );
  });

  test("answers the same when called again", async () => {
    await using server = await toyServer();
    const closed = await server.listener.close(0);
    expect(await server.listener.close(0)).toBe(closed);
  });

  test("is not held up by a client that never closes its side", async () => {
    await using server = await toyServer();
    await using client = await RawClient.connect(server.port, { allowHalfOpen: true });
    client.send("GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.until("}\n");
    expect(await server.listener.close(minute)).toEqual({ forced: 0 });
  });
});

test("a port that is taken is refused with the system's error", async () => {
  await using server = await toyServer();
  const { listen } = await import("../../src/http/connections/listener.ts");
  const { defaultLimits } = await import("../../src/domain/limits/connection-limits.ts");
  const again = listen({ host: "127.0.0.1", port: server.port, limits: defaultLimits, handler: () => {} });
  await expect(again).rejects.toMatchObject({ code: "EADDRINUSE" });
});
