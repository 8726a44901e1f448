import { afterAll, beforeAll, expect, test } from "vitest";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { newServiceAccount, operator } from "../support/people.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test("a program in org-admins does not operate the server: it cannot mint a person's token", async () => {
  const bot = await newServiceAccount(server, "bot");
  const groups = server.client(GroupService);
  const all = await groups.listGroups({ pagination: { pageSize: 100 } });
  const admins = all.groups.find(({ name }) => name === "org-admins");
  const subject = { id: bot.id, principal: Principal.SERVICE_ACCOUNT };
  await groups.createMembership({ groupId: admins?.id ?? "", subject });

  const { id: userId } = await operator(server);
  const asBot = server.client(AdminService, { token: bot.token });
  expect(await refusal(asBot.createUserToken({ userId, description: "escalation" }))).toMatchObject({
    code: "permission_denied",
    reason: "OPERATOR_REQUIRED",
  });
});

test("whoever came first stays the operator when the clock was ahead at the first start", async () => {
  const { organizationId } = await operator(server);
  const day = 24 * 60 * 60 * 1000;
  server.clock.step(-2 * day);
  // Ids never step back within one process.
  await server.restart();
  const { organization, token } = await server
    .client(AdminService)
    .createOrganization({ name: "tenant", adminName: "their admin", adminEmail: "admin@tenant.example" });
  expect((organization?.id ?? "") < organizationId).toBe(true);
  expect(await refusal(server.client(AdminService, { token }).listOrganizations({}))).toMatchObject({
    reason: "OPERATOR_REQUIRED",
  });
});
