import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { eventually } from "../support/eventually.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Agent, live, pass, statusOf } from "./fixture.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const remove = (runnerId: string, force = false) =>
  server.client(RunnerService).deleteRunner({ runnerId, force });

async function isGone(agent: Agent): Promise<void> {
  await eventually(async () => {
    expect(await refusal(statusOf(server, agent.id))).toMatchObject({
      code: "not_found",
      message: "runner not found",
    });
  });
  expect(await refusal(agent.renew())).toMatchObject({ code: "unauthenticated", reason: "RUNNER_DELETED" });
  expect(await refusal(remove(agent.id))).toMatchObject({ code: "not_found" });
}

test("a live runner winds down and is gone when it says so", async () => {
  const agent = await live(server);
  await remove(agent.id);
  expect(await statusOf(server, agent.id)).toMatchObject({
    phase: RunnerPhase.DELETING,
    message: "winding down before it is deleted",
  });
  await pass(server, 10_000, agent.id);
  expect(await agent.renew({ status: { phase: RunnerPhase.DELETING } })).toMatchObject({
    windDown: { remaining: { seconds: 50n } },
  });
  await agent.calls.signOff({ generation: agent.generation });
  expect(await refusal(statusOf(server, agent.id))).toMatchObject({ code: "not_found" });
  await isGone(agent);
});

test("a runner that falls silent while it winds down is gone when its lease lapses", async () => {
  const agent = await live(server);
  await pass(server, 20_000, agent.id);
  await remove(agent.id);
  await pass(server, 24_000, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.DELETING);
  await pass(server, 1_000, agent.id);
  await isGone(agent);
});

test("a runner that never finishes is gone after 60 s; asking again does not put that off", async () => {
  const agent = await live(server);
  await remove(agent.id);
  await pass(server, 30_000, agent.id);
  await agent.renew();
  await remove(agent.id);
  await pass(server, 29_000, agent.id);
  expect(await agent.renew()).toMatchObject({ windDown: { remaining: { seconds: 1n } } });
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.DELETING);
  await pass(server, 1_000, agent.id);
  await isGone(agent);
});

test("force does not wait, and ends the stream at once", async () => {
  const agent = await live(server);
  const watch = agent.watch();
  const ended = watch.ended();
  await agent.renew();
  await remove(agent.id, true);
  expect(await refusal(statusOf(server, agent.id))).toMatchObject({ code: "not_found" });
  expect(await refusal(Promise.reject(await ended))).toMatchObject({
    code: "unauthenticated",
    reason: "RUNNER_DELETED",
  });
  await isGone(agent);
});

test("force ends a wind-down that was asked for before", async () => {
  const agent = await live(server);
  await remove(agent.id);
  await remove(agent.id, true);
  await isGone(agent);
});

test("a runner that is not live is gone at once", async () => {
  const signedOff = await live(server);
  await signedOff.calls.signOff({ generation: 1 });
  await remove(signedOff.id);
  expect(await refusal(statusOf(server, signedOff.id))).toMatchObject({ code: "not_found" });
  const lapsed = await live(server);
  await pass(server, 45_000, lapsed.id);
  await remove(lapsed.id);
  expect(await refusal(statusOf(server, lapsed.id))).toMatchObject({ code: "not_found" });
});

test("a wind-down outlives a restart, with the time that it has left", async () => {
  const agent = await live(server);
  await remove(agent.id);
  await pass(server, 20_000, agent.id);
  await server.restart();
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.DELETING);
  expect(await agent.renew()).toMatchObject({ windDown: { remaining: { seconds: 40n } } });
  await pass(server, 40_000, agent.id);
  await isGone(agent);
});
