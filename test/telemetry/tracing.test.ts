import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { defaultCallRates } from "../../src/domain/limits/call-limits.ts";
import { realClock } from "../fleet/fixture.ts";
import { wires } from "../support/clients.ts";
import { eventually } from "../support/eventually.ts";
import { noSocketLeft } from "../support/leftovers.ts";
import { scrape } from "../support/metrics.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import { type Collector, type ReceivedSpan, startCollector } from "./collector.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const unknown = "01a20abb-0bfb-7000-9565-cb103eb5ccda";
const get = "gitpod.v1.RunnerService/GetRunner";

let collector: Collector;
let server: TestServer;
let running = false;

beforeEach(async () => {
  collector = await startCollector();
});
afterEach(async () => {
  await stop();
  await collector.close();
  await noSocketLeft();
});

async function start(percent = 100, options: TestServerOptions = {}): Promise<void> {
  server = await startTestServer({
    ...options,
    config: { tracing: { endpoint: collector.url, percent }, ...options.config },
  });
  running = true;
}

/** Stops the server, which sends the rest of its spans. */
async function stop(): Promise<void> {
  if (running) await server.close();
  running = false;
}

/** The spans of a method that the server has sent once it has stopped. */
async function spansOf(method: string): Promise<ReceivedSpan[]> {
  await stop();
  return collector.spans.filter(({ name }) => name === method);
}

describe.each([true, false])("with the hot path %s", (hotPath) => {
  test.each(wires)("a call over %s is a span under that of its client", async (wire) => {
    await start(100, { config: { hotPath } });
    const headers = {
      traceparent: `00-${traceId}-${spanId}-01`,
      tracestate: "vendor=abc",
      "x-request-id": "traced",
    };
    await refusal(server.client(RunnerService, { wire, headers }).getRunner({ runnerId: unknown }));
    const line = server.log.lines().find(({ requestId }) => requestId === "traced");
    const spans = await spansOf(get);
    const connect = wire.startsWith("connect");
    expect(spans).toMatchObject([
      {
        traceId,
        parentSpanId: spanId,
        traceState: "vendor=abc",
        kind: 2,
        // That there is no such runner is no failure of the server.
        status: 0,
        attributes: {
          "rpc.system.name": connect ? "connectrpc" : "grpc",
          "rpc.method": get,
          "rpc.status_code": connect ? "not_found" : "NOT_FOUND",
        },
        resource: { "service.name": "rollcall", "service.version": expect.stringMatching(/^\d+\./) },
      },
    ]);
    expect(spans[0]?.attributes).not.toHaveProperty("error.type");
    // The log names our own span.
    expect(line).toMatchObject({ traceId, spanId: spans[0]?.spanId });
    expect(collector.requests[0]).toBe("POST /v1/traces application/x-protobuf");
  });
});

test("a call without a trace begins one", async () => {
  await start();
  await server.client(RunnerService).listRunners({});
  const [span] = await spansOf("gitpod.v1.RunnerService/ListRunners");
  expect(span).toMatchObject({ parentSpanId: "", attributes: { "rpc.status_code": "OK" } });
  expect(span?.traceId).toMatch(/^[\da-f]{32}$/);
});

test("what is the server's fault is an error of the span", async () => {
  const fault = new Error("a fault at /etc/passwd");
  let broken = false;
  let ids = 0;
  const newId = () => {
    if (broken) throw fault;
    ids += 1;
    return `01a20abb-0bfb-7000-9565-${String(ids).padStart(12, "0")}`;
  };
  await start(100, { newId });
  broken = true;
  const create = server.client(RunnerService).createRunner({ name: "new", provider: RunnerProvider.GCP });
  const { message } = await refusal(create);
  broken = false;
  const [span] = await spansOf("gitpod.v1.RunnerService/CreateRunner");
  expect(span).toMatchObject({
    status: 2,
    statusMessage: message,
    attributes: { "rpc.status_code": "INTERNAL", "error.type": "INTERNAL" },
  });
  expect(JSON.stringify(span)).not.toContain("passwd");
});

test("a call that the gate refuses is a span as well, and a stream is one that lasts as long", async () => {
  await start(100, { clock: realClock() });
  await refusal(server.client(RunnerService, { token: "nobody's" }).getRunner({ runnerId: unknown }));
  const leave = new AbortController();
  const watch = server.client(EventService).watchEvents({}, { signal: leave.signal });
  const next = watch[Symbol.asyncIterator]().next();
  await eventually(async () => expect((await scrape(server)).sum("rollcall_streams_open")).toBe(1));
  await new Promise((resolve) => setTimeout(resolve, 120));
  leave.abort();
  await refusal(next);
  await eventually(async () => expect(server.log.text()).toContain('"code":"canceled"'));
  const [refused] = await spansOf(get);
  expect(refused?.attributes["rpc.status_code"]).toBe("UNAUTHENTICATED");
  const [stream] = await spansOf("gitpod.v1.EventService/WatchEvents");
  expect(stream?.attributes["rpc.status_code"]).toBe("CANCELLED");
  expect(stream?.durationMs).toBeGreaterThan(100);
});

test("the client decides whether its trace is recorded, and the setting where it does not say", async () => {
  await start(0);
  const say = (flags: string) => ({ traceparent: `00-${traceId}-${spanId}-${flags}` });
  await server.client(RunnerService, { headers: say("01") }).listRunners({});
  await server.client(RunnerService, { headers: say("00") }).listRunners({});
  await server.client(RunnerService).listRunners({});
  const spans = await spansOf("gitpod.v1.RunnerService/ListRunners");
  expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual([spanId]);
});

test("a malformed traceparent is as good as none", async () => {
  await start();
  for (const traceparent of ["", "00", `ff-${traceId}-${spanId}-01`, "\t", "x".repeat(4000)]) {
    await server.post("gitpod.v1.RunnerService/ListRunners", {}, { traceparent, tracestate: "=,==" });
  }
  const spans = await spansOf("gitpod.v1.RunnerService/ListRunners");
  expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual(["", "", "", "", ""]);
  expect(new Set(spans.map((span) => span.traceId)).size).toBe(5);
});

describe("a collector that is dead", () => {
  const warnings = () => server.log.lines().filter(({ msg }) => String(msg).startsWith("traces"));

  test("hurts no call, is told of once, and does not keep the server from ending", async () => {
    const { url } = collector;
    await collector.close();
    await start(100, { config: { callRates: { ...defaultCallRates, perToken: 0 } } });
    const client = server.client(RunnerService);
    // More than the exporter holds: it goes on to fail, and drops.
    for (let left = 30; left > 0; left -= 1) {
      await Promise.all(Array.from({ length: 100 }, () => client.listRunners({})));
    }
    await stop();
    expect(warnings().map(({ level, msg }) => [level, msg])).toEqual([
      [40, "traces cannot be sent, and are dropped until they can"],
    ]);
    collector = await startCollector(Number(new URL(url).port));
  });

  test("and comes back is told of too", async () => {
    collector.answer(400);
    await start();
    const burst = () =>
      Promise.all(Array.from({ length: 600 }, () => server.client(RunnerService).listRunners({})));
    await burst();
    await eventually(async () => expect(warnings()).toHaveLength(1));
    collector.answer(200);
    await burst();
    await eventually(async () => expect(warnings().map(({ level }) => level)).toEqual([40, 30]));
    expect(collector.spans.length).toBeGreaterThan(0);
  });
});
