import { afterEach, beforeEach, expect, test } from "vitest";
import { EventService, ResourceOperation } from "../../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../../gen/rollcall/v1/agent_pb.js";
import { defaultLeaseSettings } from "../../../src/domain/leases/settings.ts";
import { pass } from "../../fleet/fixture.ts";
import { besideServer } from "../../support/database.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";

const runners = 30;
const eventsPerSecond = 5;
let server: TestServer;
beforeEach(async () => {
  const leases = { ...defaultLeaseSettings, brake: { ...defaultLeaseSettings.brake, eventsPerSecond } };
  server = await startTestServer({ config: { leases } });
});
afterEach(() => server.close());

test("a mass lapse is told a few runners at a time, and each of them in the end", async () => {
  let watchedId = "";
  for (let i = 0; i < runners; i += 1) {
    const { runner, exchangeToken } = await server
      .client(RunnerService)
      .createRunner({ name: `runner ${i}`, provider: RunnerProvider.AWS_EC2 });
    watchedId = runner?.runnerId ?? "";
    const { accessToken } = await server
      .client(IdentityService, { token: null })
      .exchangeToken({ exchangeToken });
    await server.client(RunnerAgentService, { token: accessToken }).renewRegistration({});
  }
  const organizationId = await besideServer(server.config.dataDir, async (store) => {
    return (await store.founding.first())?.organization.id ?? "";
  });
  const since = await besideServer(server.config.dataDir, (store) => store.events.newest());
  const told = () =>
    besideServer(server.config.dataDir, async (store) => {
      const rows = await store.events.read(organizationId, since, 1000);
      return new Set(rows.map(({ resourceId }) => resourceId)).size;
    });
  const leave = new AbortController();
  const seen = new Set<string>();
  const done = (async () => {
    const stream = server.client(EventService).watchEvents({}, { signal: leave.signal });
    for await (const { operation, resourceId } of stream) {
      if (operation === ResourceOperation.UPDATE_STATUS) seen.add(resourceId);
      if (seen.size === runners) return;
    }
  })();
  server.clock.advance(30_000);
  // The server notices that it stood still, and listens for a while before anything lapses.
  const clock = server.clock.monotonic;
  let firstAt: number | undefined;
  for (let now = 0; now < runners; now = await told()) {
    await pass(server, 1000, watchedId);
    // A round of the server, as a rule; that it may be none, or several, changes nothing.
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (now > 0) firstAt ??= clock();
    const seconds = firstAt === undefined ? 0 : (clock() - firstAt) / 1000;
    // The brake trips in one round; what it holds back is spread over the following ones.
    expect(now).toBeLessThanOrEqual(runners / 2 + eventsPerSecond * (seconds + 1));
  }
  await done;
  expect(seen.size).toBe(runners);
});
