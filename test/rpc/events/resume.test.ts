import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { GroupService } from "../../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import { RunnerRole, RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { addOrganization, besideServer } from "../../support/database.ts";
import { until } from "../../support/eventually.ts";
import { newUser } from "../../support/people.ts";
import { refusal } from "../../support/refusal.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { created, createRunner, openWatch, rename, updated, type WatchChoice } from "./fixture.ts";

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

/** Opens a watch that can be resumed, and resolves to its cursor, leaving at once. */
async function cursorNow(): Promise<string> {
  const open = openWatch(clients, { headers: { "x-watch-cursor": "new" } });
  const cursor = (await open.opened).get("x-watch-cursor") ?? "";
  await open.leave();
  return cursor;
}

const wires = ["grpc 2", "connect-json 1.1", "connect-binary 2", "grpc-web 1.1"] as const;
/** Over what to watch, and after how many events of this stream the connection breaks. */
const cut = fc.record({ wire: fc.constantFrom(...wires), after: fc.integer({ min: 0, max: 5 }) });

test("sees every event exactly once, wherever connections break while changes go on", async () => {
  const changes = 24;
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 6 }), async (cuts) => {
      const seen: string[] = [];
      const wanted: string[] = [];
      let cursor = "new";
      let received = 0;
      let writing: Promise<void> | undefined;
      for (const { wire, after } of [...cuts, { wire: "grpc 2", after: null } as const]) {
        // Connections of its own, which really end.
        const own = clientsOf(server.url);
        const headers = { "x-watch-cursor": cursor, "x-watch-received": String(received) };
        const part = openWatch(own, { wire, headers });
        const began = (await part.opened).get("x-watch-cursor") ?? "";
        expect(began).not.toBe("");
        // They begin with the first stream and end when they will.
        writing ??= (async () => {
          while (wanted.length < changes) wanted.push(created(await createRunner(server)));
        })();
        const left = changes - seen.length;
        await part.count(Math.min(after ?? left, left));
        own.close();
        await part.leave();
        // What arrived while the connection broke is what the client has received all the same.
        seen.push(...part.got);
        received = part.got.length;
        cursor = began;
      }
      await writing;
      expect(seen).toEqual(wanted);
    }),
    { numRuns: 10 },
  );
});

test("goes on from the trailer of a stream that the server ended, over a restart", async () => {
  const first = openWatch(clients, { headers: { "x-watch-cursor": "new" } });
  await first.opened;
  await createRunner(server);
  await first.count(1);
  const ended = refusal(first.done);
  await server.restart();
  const cursor = (await ended).headers.get("x-watch-end-cursor") ?? "";
  clients.close();
  clients = clientsOf(server.url);
  const id = await createRunner(server);
  const second = openWatch(clients, { headers: { "x-watch-cursor": cursor } });
  await second.count(1);
  expect(second.got).toEqual([created(id)]);
  await second.leave();
});

test.each(["grpc 2", "connect-json 1.1"] as const)(
  "goes on with new rights where a stream ended that had the old ones, over %s",
  async (wire) => {
    const { id, organizationId, token } = await newUser(server);
    const groups = server.client(GroupService);
    const { group } = await groups.createGroup({ organizationId, name: "new rights" });
    const groupId = group?.id ?? "";
    const runnerId = await createRunner(server);
    await server.client(RunnerService).createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    const first = openWatch(clients, { wire, token, headers: { "x-watch-cursor": "new" } });
    await first.opened;
    await rename(server, runnerId);
    const { member } = await groups.createMembership({ groupId, subject: { id, principal: Principal.USER } });
    const cursor = (await first.ended).get("x-watch-end-cursor") ?? "";
    expect(first.got).toEqual([]);
    await rename(server, runnerId);
    const second = openWatch(clients, { wire, token, headers: { "x-watch-cursor": cursor } });
    await second.count(2);
    const added = `CREATE GROUP_MEMBERSHIP_CHANGED ${groupId}`;
    expect(second.got).toEqual([added, updated(runnerId)]);
    await groups.deleteMembership({ membershipId: member?.id ?? "" });
    const last = (await second.ended).get("x-watch-end-cursor") ?? "";
    await rename(server, runnerId);
    const mine = await createRunner(server, token);
    const third = openWatch(clients, { wire, token, headers: { "x-watch-cursor": last } });
    await third.count(2);
    expect(third.got).toEqual([`DELETE GROUP_MEMBERSHIP_CHANGED ${groupId}`, created(mine)]);
    await third.leave();
  },
);

test("needs a cursor of the same caller and the same filter", async () => {
  const cursor = await cursorNow();
  const elsewhere = await addOrganization(server.config.dataDir);
  server.keepSecret(elsewhere.token);
  const again = (headers: Record<string, string>, choice: WatchChoice = {}) =>
    refusal(openWatch(clients, { ...choice, headers }).done);
  const refused = { code: "invalid_argument", reason: "WATCH_CURSOR_INVALID" };
  const request = { resourceTypeFilters: [{ resourceType: ResourceType.GROUP }] };
  expect(await again({ "x-watch-cursor": "AAAA" })).toMatchObject(refused);
  expect(await again({ "x-watch-cursor": `${cursor.slice(0, -2)}xx` })).toMatchObject(refused);
  expect(await again({ "x-watch-cursor": cursor }, { request })).toMatchObject(refused);
  expect(await again({ "x-watch-cursor": cursor }, { token: elsewhere.token })).toMatchObject(refused);
  for (const count of ["1", "-1", "x", "1e3"]) {
    expect(await again({ "x-watch-cursor": cursor, "x-watch-received": count })).toMatchObject(refused);
  }
});

test("says so when events were removed meanwhile", async () => {
  const cursor = await cursorNow();
  await createRunner(server);
  server.clock.advance(25 * 60 * 60 * 1000);
  await server.restart();
  // The first sweep runs beside the start.
  await until("what is old was removed", () =>
    besideServer(server.config.dataDir, ({ events }) =>
      events.read("", 0, 1).then(
        () => false,
        () => true,
      ),
    ),
  );
  clients.close();
  clients = clientsOf(server.url);
  const late = openWatch(clients, { headers: { "x-watch-cursor": cursor } });
  expect(await refusal(late.done)).toMatchObject({ code: "aborted", reason: "EVENTS_LOST" });
});
