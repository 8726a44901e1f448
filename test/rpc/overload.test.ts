import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { RunnerProvider } from "../../src/domain/runners/enums.ts";
import { wires } from "../support/clients.ts";
import { scrape } from "../support/metrics.ts";
import { newOrganization, type Someone } from "../support/people.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let neighbour: Someone;
let runnerToken: string;

beforeEach(async () => {
  server = await startTestServer({ config: { shedDelayMs: 60 } });
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

/** Holds the event loop up, as a server with too much to do does itself, until it sheds so much. */
async function overloadedUntil(refuses: string): Promise<void> {
  const last = () => server.log.lines().findLast(({ msg }) => msg === "load shedding changed");
  while (last()?.refuses !== refuses) {
    const until = performance.now() + 130;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
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
  while (server.log.lines().findLast(({ msg }) => msg === "load shedding changed")?.refuses !== "nothing") {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await create();
});
