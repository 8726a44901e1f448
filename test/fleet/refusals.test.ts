import { afterAll, beforeAll, expect, test } from "vitest";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import { refusal, refusals } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import { type Agent, agentOf, bootstrapped, live, statusOf } from "./fixture.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** Without this, a report of metrics is refused before anything else is looked at. */
const reporting = { spec: { configuration: { metrics: { managedMetricsEnabled: true } } } };

/** Every method, called with this generation and this runner's id. */
function everyCall(agent: Agent, generation: number, runnerId = agent.id): Promise<unknown>[] {
  return [
    agent.calls.renewRegistration({ generation, runnerId }),
    agent.calls.signOff({ generation, runnerId }),
    agent.calls.reportRunnerMetrics({ generation, runnerId }),
    (async () => {
      for await (const _ of agent.calls.watchRegistration({ generation, runnerId })) return;
    })(),
  ];
}

test("another runner's id is refused by every method, and changes neither", async () => {
  const [agent, other] = [await live(server, reporting), await live(server, reporting)];
  for (const refused of await refusals(everyCall(agent, 1, other.id))) {
    expect(refused).toMatchObject({
      code: "permission_denied",
      reason: "WRONG_RUNNER",
      domain: "rollcall",
    });
  }
  for (const { id } of [agent, other]) {
    expect((await statusOf(server, id)).phase).toBe(RunnerPhase.ACTIVE);
  }
  await agent.calls.renewRegistration({ generation: 1, runnerId: agent.id.toUpperCase() });
});

test("a user's token cannot speak for a runner", async () => {
  const agent = await live(server, reporting);
  for (const refused of await refusals(everyCall(agentOf(server, agent.id, adminToken), 1))) {
    expect(refused).toMatchObject({ code: "permission_denied", reason: "NOT_A_RUNNER" });
  }
});

test("an older generation is fenced off from every method, and told not to retry", async () => {
  const agent = await live(server, reporting);
  await agent.renew({ generation: 0 });
  for (const refused of await refusals(everyCall(agent, 1))) {
    expect(refused).toMatchObject({ code: "aborted", reason: "SUPERSEDED" });
  }
  const answer = await server.post(
    "rollcall.v1.RunnerAgentService/RenewRegistration",
    { generation: 1 },
    { authorization: `Bearer ${agent.token}` },
  );
  expect([answer.status, answer.headers["x-should-retry"]]).toEqual([409, "false"]);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
});

test("of two agents with one identity the newest start wins and stays", async () => {
  const first = await live(server, reporting);
  const twin = agentOf(server, first.id, first.token);
  await twin.renew({ generation: 0 });
  expect(await refusal(first.renew())).toMatchObject({ reason: "SUPERSEDED" });
  expect(await twin.renew()).toMatchObject({ generation: 2 });
});

test("a generation that was never given out is to be opened anew", async () => {
  const agent = await live(server, reporting);
  for (const refused of await refusals(everyCall(agent, 7))) {
    expect(refused).toMatchObject({
      code: "failed_precondition",
      reason: "GENERATION_UNKNOWN",
    });
  }
  const fresh = await bootstrapped(server);
  expect(await refusal(fresh.renew({ generation: 1 }))).toMatchObject({ reason: "GENERATION_UNKNOWN" });
});

test("after signing off that generation renews and watches no more", async () => {
  const agent = await live(server, reporting);
  await agent.calls.signOff({ generation: 1 });
  expect(await refusal(agent.renew())).toMatchObject({
    code: "failed_precondition",
    reason: "GENERATION_ENDED",
  });
  expect(await agent.watch().ended()).toMatchObject({ rawMessage: expect.stringContaining("signed off") });
});

test("a runner's id that is none, and a generation that must not be 0, are named", async () => {
  const agent = await live(server, reporting);
  expect(await refusal(agent.renew({ runnerId: "me" }))).toMatchObject({
    code: "invalid_argument",
    fields: ["runner_id"],
  });
  expect(await refusal(agent.calls.signOff({}))).toMatchObject({
    code: "invalid_argument",
    fields: ["generation"],
  });
});
