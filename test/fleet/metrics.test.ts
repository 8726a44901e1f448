import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MetricType } from "../../gen/rollcall/v1/agent_pb.js";
import { DomainError } from "../../src/domain/errors.ts";
import type { MetricSample } from "../../src/domain/metrics/exposition.ts";
import { MetricsBoard } from "../../src/fleet/metrics-board.ts";
import { RawClient } from "../http/support/raw.ts";
import { addOrganization } from "../support/database.ts";
import { plainRequest } from "../support/http.ts";
import { refusal } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import { type Agent, live, pass } from "./fixture.ts";

let server: TestServer;
let agent: Agent;
beforeEach(async () => {
  server = await startTestServer();
  agent = await live(server, {
    name: 'build "eu"\\1',
    spec: { configuration: { metrics: { managedMetricsEnabled: true } } },
  });
});
afterEach(() => server.close());

const scrape = (token: string | null = adminToken) =>
  plainRequest(`${server.url}/metrics/runners`, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });

test("samples are shown in the Prometheus text format, with the runner's labels, escaped", async () => {
  const { reportAfter } = await agent.calls.reportRunnerMetrics({
    generation: 1,
    samples: [
      { name: "jobs_running", value: 3, type: MetricType.GAUGE },
      { name: "jobs_total", value: 120, type: MetricType.COUNTER, labels: [{ name: "result", value: "ok" }] },
      {
        name: "odd",
        value: Number.NaN,
        labels: [{ name: "text", value: 'a"b\\c\nd' }],
        time: timestampFromMs(1_700_000_000_123),
      },
      { name: "odd", value: Number.NEGATIVE_INFINITY },
    ],
  });
  expect(Number(reportAfter?.seconds)).toBeGreaterThan(0);
  const { status, headers, text } = await scrape();
  expect([status, headers["content-type"]]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  const added = `provider="AWS_EC2",runner_id="${agent.id}",runner_name="build \\"eu\\"\\\\1"`;
  expect(text.trim().split("\n")).toEqual([
    "# TYPE jobs_running gauge",
    `jobs_running{${added}} 3`,
    "# TYPE jobs_total counter",
    `jobs_total{${added},result="ok"} 120`,
    "# TYPE odd untyped",
    `odd{${added},text="a\\"b\\\\c\\nd"} NaN 1700000000123`,
    `odd{${added}} -Inf`,
  ]);
});

test("only a user of the same organisation may read them", async () => {
  await agent.calls.reportRunnerMetrics({ generation: 1, samples: [{ name: "up", value: 1 }] });
  const stranger = await addOrganization(server.config.dataDir);
  for (const token of [null, "wrong", agent.token]) expect((await scrape(token)).status).toBe(401);
  expect(await scrape(stranger.token)).toMatchObject({ status: 200, text: "" });
  expect((await scrape()).text).toContain("up{");
});

test("a report replaces the one before; they go when it ages or the lease ends", async () => {
  const report = (name: string) =>
    agent.calls.reportRunnerMetrics({ generation: 1, samples: [{ name, value: 1 }] });
  await report("first");
  server.clock.advance(1_000);
  await report("second");
  expect((await scrape()).text).toMatch(/^# TYPE second untyped\nsecond\{[^\n]*\n$/);
  server.clock.advance(2_000);
  await agent.calls.signOff({ generation: 1 });
  expect((await scrape()).text).toBe("");
  await agent.renew({ generation: 0 });
  await agent.calls.reportRunnerMetrics({ generation: 2, samples: [{ name: "third", value: 1 }] });
  for (let minute = 0; minute < 10; minute++) {
    await pass(server, 30_000, agent.id);
    await agent.renew();
  }
  await pass(server, 2_000, agent.id);
  expect((await scrape()).text).toBe("");
});

test("a report that comes within a second of the last one is refused, and the last one stays", async () => {
  const report = (name: string) =>
    agent.calls.reportRunnerMetrics({ generation: 1, samples: [{ name, value: 1 }] });
  await report("first");
  server.clock.advance(400);
  expect(await refusal(report("hasty"))).toMatchObject({
    code: "resource_exhausted",
    reason: "METRICS_TOO_SOON",
  });
  expect((await scrape()).text).toContain("first{");
  server.clock.advance(600);
  await report("patient");
  expect((await scrape()).text).toMatch(/^# TYPE patient untyped\npatient\{[^\n]*\n$/);
});

describe("the board", () => {
  const samples = (count: number): MetricSample[] =>
    Array.from({ length: count }, (_, n) => ({
      name: `m${n}`,
      labels: [],
      value: 1,
      timeMs: null,
      type: "gauge",
    }));
  const shown = (board: MetricsBoard, now: number) =>
    board.current(now).map(([runnerId, families]) => [runnerId, families.length]);

  test("holds no more than its budget of samples; replacing, dropping and ageing make room", () => {
    const board = new MetricsBoard({ samples: 10, characters: 10_000 });
    board.put("a", samples(6), 0);
    board.put("b", samples(4), 1_000);
    const refused = errorOf(() => board.put("c", samples(1), 2_000));
    expect(refused).toMatchObject({ kind: "resource_exhausted", retryAfterMs: 60_000 });
    expect(() => board.put("b", samples(5), 3_000)).toThrow(DomainError);
    board.put("a", samples(5), 4_000);
    board.put("c", samples(1), 5_000);
    expect(shown(board, 6_000)).toEqual([
      ["b", 4],
      ["a", 5],
      ["c", 1],
    ]);
    board.drop("c");
    board.put("d", samples(1), 7_000);
    board.put("e", samples(4), 301_001);
    expect(shown(board, 301_001)).toEqual([
      ["a", 5],
      ["d", 1],
      ["e", 4],
    ]);
  });

  test("holds no more than its budget of text", () => {
    const board = new MetricsBoard({ samples: 10, characters: 20 });
    const long: MetricSample = {
      name: "m",
      labels: [["l", "x".repeat(20)]],
      value: 1,
      timeMs: null,
      type: "gauge",
    };
    expect(errorOf(() => board.put("a", [long], 0))).toMatchObject({ reason: "METRICS_BUDGET_USED_UP" });
    board.put("a", samples(1), 0);
  });

  test("says how long a hasty runner has to wait, also after a report that came to nothing", () => {
    const board = new MetricsBoard();
    board.admit("a", 0);
    expect(errorOf(() => board.admit("a", 300.5))).toMatchObject({ retryAfterMs: 700 });
    board.admit("b", 300.5);
    board.admit("a", 1_000);
  });
});

function errorOf(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was refused");
}

test("metrics that nobody asked for are refused, and before they are read", async () => {
  const other = await live(server);
  for (const name of ["up", "9lives"]) {
    expect(
      await refusal(other.calls.reportRunnerMetrics({ generation: 1, samples: [{ name, value: 1 }] })),
    ).toMatchObject({ code: "failed_precondition", reason: "METRICS_NOT_ENABLED" });
  }
});

test("a report that breaks a rule counts as one: the next is too soon, and its rules are not judged", async () => {
  const report = (name: string) =>
    refusal(agent.calls.reportRunnerMetrics({ generation: 1, samples: [{ name, value: 1 }] }));
  expect((await report("9lives")).code).toBe("invalid_argument");
  expect((await report("9lives")).reason).toBe("METRICS_TOO_SOON");
  server.clock.advance(1_000);
  expect((await report("9lives")).code).toBe("invalid_argument");
});

test("a report that comes too soon is refused before its body arrives", async () => {
  await agent.calls.reportRunnerMetrics({ generation: 1, samples: [] });
  await using client = await RawClient.connect(Number(new URL(server.url).port));
  client.send(
    `POST /rollcall.v1.RunnerAgentService/ReportRunnerMetrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${agent.token}\r\n` +
      "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
  );
  expect(await client.until("METRICS_TOO_SOON")).toMatch(/^HTTP\/1\.1 429 /);
});

test.each([
  ["a name that Prometheus does not know", { name: "9lives" }, "samples.name"],
  [
    "a label that the server adds",
    { name: "a", labels: [{ name: "runner_id", value: "x" }] },
    "samples.labels.name",
  ],
  ["a label twice", { name: "a", labels: [{ name: "l" }, { name: "l" }] }, "samples.labels"],
])("%s is refused", async (_, sample, field) => {
  expect(await refusal(agent.calls.reportRunnerMetrics({ generation: 1, samples: [sample] }))).toMatchObject({
    code: "invalid_argument",
    fields: [field],
  });
});

test("more than 1,000 samples are refused", async () => {
  const samples = Array.from({ length: 1001 }, (_, index) => ({ name: `m${index}`, value: 1 }));
  expect(await refusal(agent.calls.reportRunnerMetrics({ generation: 1, samples }))).toMatchObject({
    code: "invalid_argument",
    fields: ["samples"],
  });
});
