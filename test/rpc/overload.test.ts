import { afterEach, beforeEach, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { RunnerProvider } from "../../src/domain/runners/enums.ts";
import { wires } from "../support/clients.ts";
import { until } from "../support/eventually.ts";
import { scrape } from "../support/metrics.ts";
import { newOrganization, type Someone } from "../support/people.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const shedDelayMs = 60;
/** How often the server looks how late it is, in milliseconds. */
const everyMs = 50;

let server: TestServer;
let neighbour: Someone;
let runnerToken: string;

/** How late the server finds its timers, in milliseconds. */
let late: () => number;

beforeEach(async () => {
  late = () => 0;
  let time = 0;
  const loadTime = () => {
    time += everyMs + late();
    return time;
  };
  server = await startTestServer({ config: { shedDelayMs }, loadTime });
  neighbour = await newOrganization(server);
  const { exchangeToken } = await create();
  ({ accessToken: runnerToken } = await server
    .client(IdentityService, { token: null })
    .exchangeToken({ exchangeToken }));
  // The busiest organisation is the first one.
  await list(neighbour.token);
  for (let i = 0; i < 10; i += 1) await list();
  server.clock.advance(1000);
});
afterEach(() => server.close());

const create = (token?: string) =>
  server
    .client(RunnerService, token === undefined ? {} : { token })
    .createRunner({ name: "runner", provider: RunnerProvider.AWS_EC2 });
const list = (token?: string) =>
  server.client(RunnerService, token === undefined ? {} : { token }).listRunners({});
const renew = () => server.client(RunnerAgentService, { token: runnerToken }).renewRegistration({});
const health = () => server.client(Health, { token: null }).check({});

const refusedNow = () => server.log.lines().findLast(({ msg }) => msg === "load shedding changed")?.refuses;

/** Makes the server late, as one with too much to do is, until it sheds so much; from then on as late as changes nothing. */
async function overloadedUntil(refuses: string): Promise<void> {
  late = () => (refusedNow() === refuses ? 0.75 * shedDelayMs : 2 * shedDelayMs);
  await until(`it refuses ${refuses}`, () => refusedNow() === refuses);
}

test("changes of the busiest go first, then their reads, then all; renewals and health never", async () => {
  await overloadedUntil("changes of the busiest");
  const told = await refusal(create());
  expect(told).toMatchObject({ code: "unavailable", reason: "OVERLOADED" });
  expect(told.message).toBe("the server is overloaded and refuses changes for now");
  expect(told.retrySeconds).toBeGreaterThanOrEqual(1);
  expect(told.headers.get("retry-after")).toBe(String(told.retrySeconds));
  await Promise.all([list(), create(neighbour.token), renew(), health()]);

  await overloadedUntil("reads of the busiest");
  expect((await refusal(list())).message).toBe(
    "the server is overloaded and refuses reads and changes for now",
  );
  await Promise.all([list(neighbour.token), create(neighbour.token), renew(), health()]);

  await overloadedUntil("all changes");
  expect((await refusal(create(neighbour.token))).reason).toBe("OVERLOADED");
  await Promise.all([list(neighbour.token), renew(), health()]);

  await overloadedUntil("all reads");
  expect((await refusal(list(neighbour.token))).reason).toBe("OVERLOADED");
  const [, { status }] = await Promise.all([renew(), health()]);
  expect(status).toBe(HealthCheckResponse_ServingStatus.SERVING);
  const { sum } = await scrape(server);
  expect(sum("rollcall_shedding_step")).toBe(4);
  expect(sum("rollcall_shed_calls_total", { urgency: "read" })).toBe(2);
  expect(sum("rollcall_shed_calls_total", { urgency: "change" })).toBe(2);
});

test("in every protocol a refusal says when to come back, and is in the log for those who look closely", async () => {
  for (const wire of wires) {
    await overloadedUntil("reads of the busiest");
    const { headers, ...told } = await refusal(server.client(RunnerService, { wire }).listRunners({}));
    expect({ wire, ...told }).toMatchObject({ wire, code: "unavailable", reason: "OVERLOADED" });
    const seconds = String(told.retrySeconds);
    expect([headers.get("retry-after"), headers.get("ratelimit-retryafter")]).toEqual([seconds, seconds]);
  }
  const lines = server.log.lines().filter(({ msg }) => msg === "call refused");
  expect(lines.map(({ level }) => level)).toEqual(wires.map(() => 20));
});

test("once there is time again, all are served", async () => {
  await overloadedUntil("changes of the busiest");
  await refusal(create());
  late = () => 0;
  await until("it refuses nothing", () => refusedNow() === "nothing");
  await create();
});
