import { afterEach, beforeEach, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerKind } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { parseConfig } from "../../src/config/config.ts";
import { DAY_MS } from "../../src/domain/leases/settings.ts";
import { besideServer } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { byUser, newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { agentOf, live, pass, register, statusOf } from "./fixture.ts";

// What happens in one order must be stored, and told, in that order.

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

test("a lapse that a reader found does not overwrite the renewal that came after it", async () => {
  const agent = await live(server);
  for (let round = 0; round < 20; round++) {
    await pass(server, 46_000, agent.id);
    await Promise.all([statusOf(server, agent.id), agent.renew()]);
  }
  await agent.renew();
  await server.restart();
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
});

test("a sign-off right behind a lapse that a reader found keeps its reason", async () => {
  const agent = await live(server);
  await pass(server, 46_000, agent.id);
  await statusOf(server, agent.id);
  await agent.calls.signOff({ generation: agent.generation, reason: "moving house" });
  const signedOff = { phase: RunnerPhase.INACTIVE, message: "signed off: moving house" };
  expect(await statusOf(server, agent.id)).toMatchObject(signedOff);
  await server.restart();
  expect(await statusOf(server, agent.id)).toMatchObject(signedOff);
});

test("a replayed exchange ends the stream of the token that it replaces", async () => {
  const { id, exchangeToken } = await register(server);
  const exchange = () =>
    server
      .client(IdentityService, { token: null, headers: { "idempotency-key": "k1" } })
      .exchangeToken({ exchangeToken });
  const lost = agentOf(server, id, (await exchange()).accessToken);
  await lost.renew();
  const watch = lost.watch();
  const news = watch.next();
  await server
    .client(RunnerService)
    .updateRunner({ runnerId: id, spec: { desiredPhase: RunnerPhase.INACTIVE } });
  expect((await news).case).toBe("wanted");
  const end = watch.ended();
  await exchange();
  server.keepSecret("a-new-metrics-password");
  await server.client(RunnerService).updateRunner({
    runnerId: id,
    spec: { configuration: { metrics: { enabled: true, password: "a-new-metrics-password" } } },
  });
  expect(await refusal(end.then((error) => Promise.reject(error)))).toMatchObject({
    code: "unauthenticated",
    reason: "TOKEN_REVOKED",
  });
});

test("a replay does not undo what an operator revoked", async () => {
  const { id, exchangeToken } = await register(server);
  const exchange = () =>
    server
      .client(IdentityService, { token: null, headers: { "idempotency-key": "k1" } })
      .exchangeToken({ exchangeToken });
  await exchange();
  const { organizationId } = await server.client(IdentityService).getAuthenticatedIdentity({});
  await besideServer(server.config.dataDir, async ({ tokens }) => {
    const [token] = await tokens.listAccessTokens(organizationId, id);
    await tokens.revokeAccessToken(byUser(newId(), organizationId), token?.id ?? "", server.clock.now());
  });
  expect(await refusal(exchange())).toMatchObject({ reason: "EXCHANGE_TOKEN_USED" });
});

test("the server's own runner cannot be bootstrapped", async () => {
  const filter = { kinds: [RunnerKind.LOCAL_CONFIGURATION] };
  const { runners } = await server.client(RunnerService).listRunners({ filter });
  const runnerId = runners[0]?.runnerId ?? "";
  const refused = await refusal(server.client(RunnerService).createRunnerToken({ runnerId }));
  expect(refused).toMatchObject({
    code: "failed_precondition",
    reason: "LOCAL_CONFIGURATION_IS_SERVER_MADE",
  });
});

test("a stale runner is removed, one that lives is not", async () => {
  await server.close();
  const { leases } = parseConfig({ "stale-after": "1", "remove-stale-after": "1" });
  server = await startTestServer({ config: { leases } });
  const gone = await live(server, { name: "gone" });
  const paused = await live(server, { name: "paused" });
  const alive = await live(server, { name: "alive" });
  await server.client(RunnerService).updateRunner({
    runnerId: paused.id,
    spec: { desiredPhase: RunnerPhase.INACTIVE },
  });
  for (let hour = 0; hour < 50; hour++) {
    await pass(server, 20_000, alive.id);
    await alive.renew();
    server.clock.advance(DAY_MS / 24);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await alive.renew();
  }
  await expectGone(gone.id);
  const { entries } = await server
    .client(EventService)
    .listAuditLogs({ filter: { subjectIds: [gone.id] }, pagination: { pageSize: 1 } });
  // The server did it, and nobody else.
  expect(entries).toMatchObject([
    { action: "runner.delete", actorId: "00000000-0000-0000-0000-000000000000", actorPrincipal: 0 },
  ]);
  await alive.renew();
  expect((await statusOf(server, alive.id)).phase).toBe(RunnerPhase.ACTIVE);
  expect((await statusOf(server, paused.id)).phase).toBe(RunnerPhase.INACTIVE);
});

/** Upkeep runs once a second at the least. */
async function expectGone(runnerId: string): Promise<void> {
  const client = server.client(RunnerService);
  await eventually(async () => {
    server.clock.advance(DAY_MS / 24);
    expect(await refusal(client.getRunner({ runnerId }))).toMatchObject({ reason: "RUNNER_NOT_FOUND" });
  });
}
