import { afterEach, expect, test } from "vitest";
import { parseConfig } from "../../src/config/config.ts";
import { RunnerPhase, RunnerProvider } from "../../src/domain/runners/enums.ts";
import { besideServer } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { live, pass, statusOf } from "./fixture.ts";

const every = (seconds: number) => ({
  leases: parseConfig({ "renew-interval": String(seconds), "renew-grace": "15" }).leases,
});

let server: TestServer;
afterEach(async () => {
  await server.close();
});

const onDisk = async () => {
  const longest = await besideServer(server.config.dataDir, ({ leases }) => leases.longestLeases());
  return longest.find(({ provider }) => provider === RunnerProvider.AWS_EC2)?.leaseMs;
};

test("a runner that was told to be silent for long may be, although the server restarts with a shorter interval", async () => {
  server = await startTestServer({ config: every(120) });
  const agent = await live(server);
  await server.restart(every(30));
  // As long as it was told, and the margin of a restart.
  await pass(server, 149_000, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
  await pass(server, 1_000, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.INACTIVE);
});

test("how long leases may be is on disk while the interval is stretched, and for as long as a lease of that length runs", async () => {
  const { leases } = every(30);
  // Every event loop is too slow for this one.
  const stretch = { ...leases.stretch, loopDelayMs: 0.001 };
  server = await startTestServer({ config: { leases: { ...leases, stretch } }, loopDelayMs: () => 1 });
  const agent = await live(server);
  await eventually(async () => {
    await pass(server, 1_000, agent.id);
    expect(await onDisk()).toBe(4 * 30_000 + 15_000);
  });
  await server.restart({ leases });
  await pass(server, 100_000, agent.id);
  expect(await onDisk()).toBe(4 * 30_000 + 15_000);
  await eventually(async () => {
    await pass(server, 10_000, agent.id);
    expect(await onDisk()).toBe(45_000);
  });
});
