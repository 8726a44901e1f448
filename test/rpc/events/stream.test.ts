import http from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { besideServer } from "../../support/database.ts";
import { newId } from "../../support/records.ts";
import { refusal } from "../../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../../support/server.ts";
import { created, createRunner, deleted, openWatch, rename, updated, watchPath } from "./fixture.ts";

let server: TestServer;
let clients: Clients;
beforeEach(async () => {
  server = await startTestServer();
  clients = clientsOf(server.url);
});
afterEach(async () => {
  clients.close();
  await server.close();
});

test.each([
  "connect-json 1.1",
  "connect-json 2",
  "connect-binary 1.1",
  "connect-binary 2",
  "grpc 2",
  "grpc-web 1.1",
] as const)("tells a runner's life over %s, headers first", async (wire) => {
  const life = openWatch(clients, { wire });
  // No event has happened yet: without headers of their own this would wait for ever.
  await life.opened;
  const id = await createRunner(server);
  await rename(server, id);
  await server.client(RunnerService).deleteRunner({ runnerId: id });
  await life.count(3);
  expect(life.got).toEqual([created(id), updated(id), deleted(id)]);
  await life.leave();
});

test("can be read from a bare HTTP/1.1 connection, as curl does", async () => {
  const body = Buffer.from("{}");
  const envelope = Buffer.concat([Buffer.of(0, 0, 0, 0, body.length), body]);
  const request = http.request(`${server.url}${watchPath}`, {
    method: "POST",
    agent: false,
    headers: { "content-type": "application/connect+json", authorization: `Bearer ${adminToken}` },
  });
  request.end(envelope);
  const response = await new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
  expect(response.statusCode).toBe(200);
  const id = await createRunner(server);
  const chunk = await new Promise<Buffer>((resolve) => response.once("data", resolve));
  expect(JSON.parse(chunk.subarray(5).toString())).toEqual({
    operation: "RESOURCE_OPERATION_CREATE",
    resourceType: "RESOURCE_TYPE_RUNNER",
    resourceId: id,
  });
  request.on("error", () => {});
  request.destroy();
});

test("filters: all of an entry must match, any entry is enough", async () => {
  const me = (await besideServer(server.config.dataDir, (store) => store.founding.first()))?.admin.id ?? "";
  const other = newId();
  const first = await createRunner(server);
  const runner = ResourceType.RUNNER;
  const filtered = (...resourceTypeFilters: object[]) =>
    openWatch(clients, { request: { resourceTypeFilters } });
  const byId = filtered({ resourceType: runner, resourceIds: [first.toUpperCase()] });
  const both = filtered({ resourceType: runner, resourceIds: [first], creatorIds: [other] });
  const theirs = filtered({ resourceType: runner, creatorIds: [other] });
  const mine = filtered({ resourceType: runner, creatorIds: [me] });
  const groups = filtered({ resourceType: ResourceType.GROUP });
  const either = filtered(
    { resourceType: ResourceType.GROUP },
    { resourceType: runner, resourceIds: [first] },
  );
  const environment = openWatch(clients, { request: { scope: { case: "environmentId", value: other } } });
  const organization = openWatch(clients, { request: { scope: { case: "organization", value: false } } });
  const all = [byId, both, theirs, mine, groups, either, environment, organization];
  await Promise.all(all.map(({ opened }) => opened));
  const second = await createRunner(server);
  await rename(server, first);
  await Promise.all([byId.count(1), either.count(1), mine.count(2), organization.count(2)]);
  expect(byId.got).toEqual([updated(first)]);
  expect(either.got).toEqual([updated(first)]);
  expect(mine.got).toEqual([created(second), updated(first)]);
  expect(organization.got).toEqual([created(second), updated(first)]);
  // Who made a thing that is gone cannot be asked for, says the contract: deletions pass.
  await server.client(RunnerService).deleteRunner({ runnerId: first });
  await Promise.all([both.count(1), theirs.count(1)]);
  expect([both.got, theirs.got]).toEqual([[deleted(first)], [deleted(first)]]);
  expect([groups.got, environment.got]).toEqual([[], []]);
  await Promise.all(all.map((one) => one.leave()));
});

test("refuses filters that the contract refuses", async () => {
  const bad = openWatch(clients, {
    request: { resourceTypeFilters: [{ resourceType: ResourceType.RUNNER, resourceIds: ["no uuid"] }] },
  });
  expect(await refusal(bad.done)).toMatchObject({ code: "invalid_argument" });
});

test("refuses filters for a watch of an environment", async () => {
  const request: object = {
    scope: { case: "environmentId", value: newId() },
    resourceTypeFilters: [{ resourceType: ResourceType.RUNNER }],
  };
  const bad = openWatch(clients, { request });
  expect(await refusal(bad.done)).toMatchObject({
    code: "invalid_argument",
    fields: ["resource_type_filters"],
  });
});

test("is told when the server stops", async () => {
  const open = openWatch(clients, { headers: { "x-watch-cursor": "new" } });
  await open.opened;
  const end = refusal(open.done);
  await server.restart();
  expect(await end).toMatchObject({ code: "unavailable" });
});
