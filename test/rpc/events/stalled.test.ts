import http2 from "node:http2";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UserService } from "../../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../../gen/rollcall/v1/admin_pb.js";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { besideServer } from "../../support/database.ts";
import { newUser } from "../../support/people.ts";
import { refusal } from "../../support/refusal.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { createRunner, openWatch } from "./fixture.ts";
import { rawWatch } from "./raw-watch.ts";

const events = 30_000;
const stalled = 20;
/** What a stream may cost that nobody reads, both ends of its connection together. Measured: half of it. */
const bytesPerStream = 1024 * 1024;
/** What else may stay behind of a burst: far less than the 60 MB that it would take to keep it for these streams. */
const bytesOfBurst = 8 * 1024 * 1024;

let server: TestServer;
let clients: Clients;
let sessions: http2.ClientHttp2Session[];
beforeEach(async () => {
  server = await startTestServer();
  clients = clientsOf(server.url);
  sessions = [];
});
afterEach(async () => {
  for (const session of sessions) session.destroy();
  clients.close();
  await server.close();
});

function connect(): http2.ClientHttp2Session {
  const session = http2.connect(server.url);
  session.on("error", () => {});
  sessions.push(session);
  return session;
}

/** Writes so many events of these runners in turn, as fast as the database takes them; resolves to their ids. */
async function burst(count: number): Promise<string[]> {
  const runners = [await createRunner(server), await createRunner(server), await createRunner(server)];
  const { organizationId } = (await server.client(UserService).getAuthenticatedUser({})).user ?? {};
  const changed = Array.from({ length: count - runners.length }, (_, i) => ({
    id: runners[i % runners.length] ?? "",
    organizationId: organizationId ?? "",
  }));
  await besideServer(server.config.dataDir, async ({ leases }) => {
    for (let i = 0; i < changed.length; i += 1000) {
      await leases.announce(changed.slice(i, i + 1000), server.clock.now());
    }
  });
  return [...runners, ...changed.map(({ id }) => id)];
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
function memory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test("streams that nobody reads take bounded memory, hold up nobody, and miss nothing", async () => {
  const quick = await rawWatch(connect());
  await burst(1000);
  await quick.read(1000);
  const alone = memory();
  const idle = await Promise.all(Array.from({ length: stalled }, async () => rawWatch(connect())));
  const first = await burst(events);
  expect((await quick.read(events)).ids).toEqual(first);
  const full = memory();
  expect(full - alone).toBeLessThan(stalled * bytesPerStream);
  // They are full: nothing of a second burst is kept for them.
  const second = await burst(events);
  await quick.read(events);
  expect(memory() - full).toBeLessThan(bytesOfBurst);
  expect((await idle[0]?.read(2 * events))?.ids).toEqual([...first, ...second]);
});

test("a stream that falls behind what is kept is told to list again, and its cursor says so, too", async () => {
  const idle = await rawWatch(connect(), { headers: { "x-watch-cursor": "new" } });
  await burst(events);
  await besideServer(server.config.dataDir, (store) =>
    store.events.removeBefore(server.clock.now() + 1, events),
  );
  const { ids, end } = await idle.read();
  expect(ids.length).toBeLessThan(events);
  expect(JSON.stringify(end)).toMatch(/"code":"aborted".*EVENTS_LOST/);
  const cursor = String(idle.headers["x-watch-cursor"]);
  const again = await rawWatch(connect(), { headers: { "x-watch-cursor": cursor } });
  expect(JSON.stringify((await again.read()).end)).toMatch(/"code":"aborted".*EVENTS_LOST/);
});

test("a stream is told of events that were removed before the server looked at them", async () => {
  const watch = openWatch(clients);
  await watch.opened;
  // In one commit, as retention does it between two looks: there is no moment at which they are there.
  const database = new Database(join(server.config.dataDir, "rollcall.db"), { timeout: 300_000 });
  database.transaction(() => {
    database.exec(`INSERT INTO events (organization_id, operation, resource_type, resource_id, creator_id, audience, created_at)
      SELECT id, 2, 1, 'gone', '', '[]', 0 FROM organizations; DELETE FROM events`);
  })();
  database.close();
  expect(await refusal(watch.done)).toMatchObject({ code: "aborted", reason: "EVENTS_LOST" });
  expect(watch.got).toEqual([]);
});

test("the cursor of a stream that was never read brings everything", async () => {
  const session = connect();
  const idle = await rawWatch(session, { headers: { "x-watch-cursor": "new" } });
  const ids = await burst(2_000);
  session.destroy();
  const cursor = String(idle.headers["x-watch-cursor"]);
  const again = await rawWatch(connect(), { headers: { "x-watch-cursor": cursor, "x-watch-received": "0" } });
  expect((await again.read(ids.length)).ids).toEqual(ids);
});

test("a stream that nobody reads sends nothing more once its user is suspended", async () => {
  const { id: userId, token } = await newUser(server, { admin: true });
  const idle = await rawWatch(connect(), { token });
  const quick = openWatch(clients);
  await quick.opened;
  await burst(events);
  await quick.count(events);
  await server.client(AdminService).suspendUser({ userId });
  const { ids, end } = await idle.read();
  expect(ids.length).toBeLessThan(events / 2);
  expect(JSON.stringify(end)).toMatch(/"code":"unauthenticated".*USER_SUSPENDED/);
  await quick.leave();
});
