import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerPhase } from "../../gen/gitpod/v1/runner_pb.js";
import { ResourceOperation } from "../../src/domain/access/resources.ts";
import { defaultLeaseSettings } from "../../src/domain/leases/settings.ts";
import { besideServer } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Agent, live, pass, statusOf } from "./fixture.ts";

const perMinute = 5;

let server: TestServer;
let agent: Agent;
beforeEach(async () => {
  server = await startTestServer({
    config: { leases: { ...defaultLeaseSettings, statusEventsPerMinute: perMinute } },
  });
  agent = await live(server);
});
afterEach(() => server.close());

/** How many events of its status there are of the runner. */
async function told(id = agent.id): Promise<number> {
  return besideServer(server.config.dataDir, async (store) => {
    const organizationId = (await store.founding.first())?.organization.id ?? "";
    const events = await store.events.read(organizationId, 0, 10_000);
    return events.filter(
      ({ resourceId, operation }) => resourceId === id && operation === ResourceOperation.UPDATE_STATUS,
    ).length;
  });
}

const phases = [RunnerPhase.DEGRADED, RunnerPhase.ACTIVE];
async function flap(times: number): Promise<void> {
  for (let turn = 0; turn < times; turn += 1) {
    const phase = phases[turn % 2] ?? RunnerPhase.ACTIVE;
    await agent.renew({ status: { phase, message: `turn ${turn}` } });
  }
}

test("a runner that keeps changing its mind causes so many events a minute, and the last state is told", async () => {
  await flap(101);
  expect(await told()).toBe(perMinute);
  // What operators read is never late.
  expect(await statusOf(server, agent.id)).toMatchObject({
    phase: RunnerPhase.DEGRADED,
    message: "turn 100",
  });
  // A minute's share comes back one by one, and the first of it is for what was not told.
  await pass(server, 60_000 / perMinute, agent.id);
  await eventually(async () => expect(await told()).toBe(perMinute + 1));
  await pass(server, 60_000 / perMinute, agent.id);
  await agent.renew();
  expect(await told()).toBe(perMinute + 1);
});

test("a minute of it costs two minutes' share at the most, and others are told of at once meanwhile", async () => {
  for (let second = 0; second < 60; second += 2) {
    await flap(10);
    await pass(server, 2_000, agent.id);
  }
  expect(await told()).toBeLessThanOrEqual(2 * perMinute);
  const other = await live(server);
  expect(await told(other.id)).toBe(2);
});

test("generations that are opened one after the other are bounded as well", async () => {
  for (let turn = 0; turn < 30; turn += 1) await agent.renew({ generation: 0 });
  expect(await told()).toBe(perMinute);
});

test("a server that stops tells the last state first", async () => {
  await flap(50);
  await server.restart();
  expect(await told()).toBe(perMinute + 1);
});
