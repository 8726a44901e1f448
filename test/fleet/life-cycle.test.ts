import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { startTestServer, type TestServer } from "../support/server.ts";
import { bootstrapped, exchange, live, pass, register, setPhase, statusOf } from "./fixture.ts";

const minute = 60_000;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const iso = () => new Date(server.clock.now()).toISOString().replace(".000Z", "Z");

describe("a runner that has never renewed is CREATED", () => {
  test("without a hint at first, with one when nobody has used its token for ten minutes", async () => {
    const madeAt = iso();
    const { id } = await register(server);
    server.clock.advance(10 * minute - 1);
    expect(await statusOf(server, id)).toMatchObject({ phase: RunnerPhase.CREATED, message: "" });
    server.clock.advance(1);
    expect(await statusOf(server, id)).toMatchObject({
      phase: RunnerPhase.CREATED,
      message: `the exchange token has not been used since it was made at ${madeAt}; is the runner started?`,
    });
  });

  test("and told apart: bootstrapped, but silent since", async () => {
    const { id, exchangeToken } = await register(server);
    server.clock.advance(minute);
    const usedAt = iso();
    await exchange(server, exchangeToken);
    expect(await statusOf(server, id)).toMatchObject({
      phase: RunnerPhase.CREATED,
      message: `the exchange token was used at ${usedAt}, but the runner has never renewed its registration`,
    });
  });

  test("and told apart: the token expired unused; a new one starts the wait anew", async () => {
    const { id } = await register(server);
    server.clock.advance(24 * 60 * minute);
    const expiredAt = iso();
    server.clock.advance(minute);
    expect((await statusOf(server, id)).message).toBe(
      `the exchange token expired unused at ${expiredAt}; create a new one`,
    );
    await server.client(RunnerService).createRunnerToken({ runnerId: id });
    expect(await statusOf(server, id)).toMatchObject({ phase: RunnerPhase.CREATED, message: "" });
  });
});

test("the first renewal makes it ACTIVE, with what it reported", async () => {
  const agent = await bootstrapped(server);
  server.clock.advance(minute);
  const reply = await agent.renew({
    generation: 0,
    status: { phase: RunnerPhase.ACTIVE, version: "1.4.2", region: "eu-central-1", systemDetails: "linux" },
  });
  expect(reply).toMatchObject({ generation: 1, lease: { seconds: 45n }, wanted: { revision: 1 } });
  const status = await statusOf(server, agent.id);
  expect(status).toMatchObject({
    phase: RunnerPhase.ACTIVE,
    message: "",
    version: "1.4.2",
    region: "eu-central-1",
    systemDetails: "linux",
  });
  expect(status.updatedAt && timestampMs(status.updatedAt)).toBe(server.clock.now());
});

test("a reported problem shows as DEGRADED until the runner takes it back", async () => {
  const agent = await live(server);
  await agent.renew({ status: { phase: RunnerPhase.DEGRADED, message: "disk full" } });
  expect(await statusOf(server, agent.id)).toMatchObject({
    phase: RunnerPhase.DEGRADED,
    message: "disk full",
    version: "1.0.0",
  });
  await agent.renew();
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.DEGRADED);
  await agent.renew({ status: { phase: RunnerPhase.ACTIVE, message: "" } });
  expect(await statusOf(server, agent.id)).toMatchObject({ phase: RunnerPhase.ACTIVE, message: "" });
});

test("a new process starts with a clean slate, and keeps what the earlier one knew of the host", async () => {
  const agent = await live(server);
  await agent.renew({ status: { phase: RunnerPhase.DEGRADED, message: "disk full" } });
  await agent.renew({ generation: 0 });
  expect(await statusOf(server, agent.id)).toMatchObject({
    phase: RunnerPhase.ACTIVE,
    message: "",
    version: "1.0.0",
  });
});

test("a lease lapses at its deadline and not before; the same generation brings it back", async () => {
  const agent = await live(server);
  const heardAt = iso();
  await pass(server, 45_000 - 1, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
  server.clock.advance(1);
  const lapsedAt = iso();
  const lapsed = await statusOf(server, agent.id);
  expect(lapsed).toMatchObject({
    phase: RunnerPhase.INACTIVE,
    message: `registration lapsed at ${lapsedAt}, last heard at ${heardAt}`,
  });
  expect(lapsed.updatedAt && timestampMs(lapsed.updatedAt)).toBe(server.clock.now());
  await pass(server, minute, agent.id);
  expect(await agent.renew()).toMatchObject({ generation: 1, lease: { seconds: 45n } });
  expect(await statusOf(server, agent.id)).toMatchObject({ phase: RunnerPhase.ACTIVE, message: "" });
});

test("renewing when the reply says keeps a runner live for as long as one likes", async () => {
  const agent = await live(server);
  for (let round = 0; round < 12; round++) {
    const { renewAfter } = await agent.renew();
    const waitMs = Number(renewAfter?.seconds) * 1000 + (renewAfter?.nanos ?? 0) / 1e6;
    expect(waitMs).toBeLessThanOrEqual(30_000);
    await pass(server, waitMs, agent.id);
    expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
  }
});

test("signing off is INACTIVE at once, with the runner's reason; that generation is over", async () => {
  const agent = await live(server);
  await agent.calls.signOff({ generation: agent.generation, reason: "host \u0007reboots" });
  await agent.calls.signOff({ generation: agent.generation });
  expect(await statusOf(server, agent.id)).toMatchObject({
    phase: RunnerPhase.INACTIVE,
    message: "signed off: host \ufffdreboots",
  });
  expect(await agent.renew({ generation: 0 })).toMatchObject({ generation: 2 });
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
});

test("an operator pauses a live runner, which goes on renewing, and resumes it", async () => {
  const agent = await live(server);
  server.clock.advance(1000);
  const pausedAt = iso();
  await setPhase(server, agent.id, RunnerPhase.INACTIVE);
  expect(await agent.renew()).toMatchObject({
    wanted: { revision: 2, spec: { desiredPhase: RunnerPhase.INACTIVE } },
  });
  expect((await agent.renew()).wanted).toBeUndefined();
  expect(await statusOf(server, agent.id)).toMatchObject({
    phase: RunnerPhase.INACTIVE,
    message: `paused by an operator since ${pausedAt}`,
  });
  await setPhase(server, agent.id, RunnerPhase.ACTIVE);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
  expect(await agent.renew()).toMatchObject({ wanted: { revision: 3 } });
});

test("a paused runner that also falls silent is said to be both", async () => {
  const agent = await live(server);
  await setPhase(server, agent.id, RunnerPhase.INACTIVE);
  await pass(server, 46_000, agent.id);
  expect((await statusOf(server, agent.id)).message).toMatch(
    /^registration lapsed at .*; also paused by an operator$/,
  );
});
