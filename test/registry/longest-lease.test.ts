import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { parseConfig } from "../../src/config.ts";
import { RunnerPhase } from "../../src/domain/runners/enums.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { live, pass, statusOf } from "./fixture.ts";

const every = (seconds: number) => ({
  leases: parseConfig({ "renew-interval": String(seconds), "renew-grace": "15" }).leases,
});

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ config: every(120) });
});
afterEach(async () => {
  await server.close();
});

test("a runner that was told to be silent for long may be, although the server restarts with a shorter interval", async () => {
  const agent = await live(server);
  await server.restart(every(30));
  // As long as it was told, and the margin of a restart.
  await pass(server, 149_000, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
  await pass(server, 1_000, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.INACTIVE);
});
