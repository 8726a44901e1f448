import { once } from "node:events";
import http2 from "node:http2";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { newUser } from "../support/people.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

// A client that sends its headers while it may, and its request when it may not any more.

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test("a request that arrives late is judged by the rights of that moment", async () => {
  const boss = await newUser(server, { admin: true });
  const session = http2.connect(server.url);
  const parked = session.request({
    ":method": "POST",
    ":path": "/gitpod.v1.ServiceAccountService/CreateServiceAccount",
    "content-type": "application/json",
    authorization: `Bearer ${boss.token}`,
  });
  parked.write('{"name":"left');
  // An answer to a later call of the same session: the headers of the first were seen by then.
  const probe = session.request({ ":path": "/healthz" }).resume();
  await once(probe, "close");

  await server.client(AdminService).suspendUser({ userId: boss.id });
  server.clock.advance(1000);
  const answer = once(parked, "response");
  parked.end('-behind","validUntil":"2026-02-01T00:00:00Z"}');
  expect((await answer)[0][":status"]).toBe(401);
  expect(await text(parked)).toContain("USER_SUSPENDED");
  session.destroy();

  const { serviceAccounts } = await server.client(ServiceAccountService).listServiceAccounts({});
  expect(serviceAccounts).toEqual([]);
});
