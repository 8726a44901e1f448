import http2 from "node:http2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { createRunner, rename } from "./fixture.ts";
import { type RawWatch, rawWatch } from "./raw-watch.ts";

// The form with 10,000 is bench/watch.ts.
const watchers = 500;
const streamsPerConnection = 100;

let server: TestServer;
let sessions: http2.ClientHttp2Session[];
beforeEach(async () => {
  server = await startTestServer();
  sessions = [];
});
afterEach(async () => {
  for (const session of sessions) session.destroy();
  await server.close();
});

test("hundreds of watchers on a few connections all hear of one event, and of many in their order", async () => {
  const open: RawWatch[] = [];
  while (open.length < watchers) {
    const session = http2.connect(server.url);
    sessions.push(session);
    const more = Array.from({ length: streamsPerConnection }, () => rawWatch(session));
    open.push(...(await Promise.all(more)));
  }
  const runner = await createRunner(server);
  for (const { ids } of await Promise.all(open.map((one) => one.read(1)))) expect(ids).toEqual([runner]);
  const others: string[] = [];
  for (let i = 0; i < 10; i += 1) {
    others.push(await createRunner(server));
    await rename(server, runner);
  }
  const wanted = others.flatMap((id) => [id, runner]);
  const heard = await Promise.all(open.map((one) => one.read(wanted.length)));
  for (const { ids } of heard) expect(ids).toEqual(wanted);
});
