import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { EventService, ResourceOperation } from "../../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../../gen/rollcall/v1/agent_pb.js";
import { defaultLeaseSettings } from "../../../src/domain/leases/settings.ts";
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
  for (let i = 0; i < runners; i += 1) {
    const { exchangeToken } = await server
      .client(RunnerService)
      .createRunner({ name: `runner ${i}`, provider: RunnerProvider.AWS_EC2 });
    const { accessToken } = await server
      .client(IdentityService, { token: null })
      .exchangeToken({ exchangeToken });
    await server.client(RunnerAgentService, { token: accessToken }).renewRegistration({});
  }
  const organizationId = await besideServer(server.config.dataDir, async (store) => {
    return (await store.accounts.first())?.organization.id ?? "";
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
  for (let i = 0; (await told()) < runners; i += 1) {
    server.clock.advance(1000);
    const before = await told();
    await new Promise((resolve) => setTimeout(resolve, 100));
    // The brake trips in one round; what it holds back is spread over the following ones.
    if (before > 0) expect((await told()) - before).toBeLessThanOrEqual(runners / 2);
    expect(i).toBeLessThan(200);
  }
  await done;
  expect(seen.size).toBe(runners);
});
