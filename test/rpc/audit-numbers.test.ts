import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerRole, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { actor, makeWorld, type World } from "../access/world.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type AuditRecording, recordAudit } from "./audit/record.ts";

// test/rpc/audit-completeness.test.ts has every method once; here is what makes the number of entries another one.

let server: TestServer;
let world: World;
let record: AuditRecording;
beforeAll(async () => {
  server = await startTestServer();
  world = await makeWorld(server);
  record = recordAudit(server.config.dataDir);
});
afterAll(async () => {
  record.close();
  await server.close();
});

const operator = () => server.client(AdminService);
const anonymous = (headers = {}) => server.client(IdentityService, { token: null, headers });

/** What was written since the last time: action and subject. */
const written = () => record.take().map(({ action, subjectId }) => `${action} ${subjectId}`);

describe("a call that changes nothing leaves no entry", () => {
  test("suspending and resuming again", async () => {
    const { id: userId } = await world.newUser("twice");
    const { id: serviceAccountId } = await world.newServiceAccount("twice");
    await operator().suspendUser({ userId });
    await operator().suspendServiceAccount({ serviceAccountId });
    record.take();
    await operator().suspendUser({ userId });
    await operator().suspendServiceAccount({ serviceAccountId });
    expect(written()).toEqual([]);
    await operator().resumeUser({ userId });
    await operator().resumeServiceAccount({ serviceAccountId });
    expect(written()).toEqual([`user.resume ${userId}`, `service_account.resume ${serviceAccountId}`]);
    await operator().resumeUser({ userId });
    await operator().resumeServiceAccount({ serviceAccountId });
    expect(written()).toEqual([]);
  });

  test("giving a role that is held, and taking one that is not", async () => {
    const { runnerId, runnerUsers: groupId, groups, runners } = world;
    const resource = { resourceType: ResourceType.RUNNER, resourceId: runnerId };
    const guest = { principal: Principal.USER, principalId: (await world.newUser("guest")).id };
    await groups.shareResourceWithPrincipal({ ...resource, ...guest, role: ResourceRole.RUNNER_USER });
    record.take();
    await groups.shareResourceWithPrincipal({ ...resource, ...guest, role: ResourceRole.RUNNER_USER });
    await runners.updateRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    expect(written()).toEqual([]);
    await groups.unshareResourceWithPrincipal({ ...resource, ...guest });
    expect(record.take().map(({ action }) => action)).toEqual(["role_assignment.delete"]);
    await groups.unshareResourceWithPrincipal({ ...resource, ...guest });
    expect(written()).toEqual([]);
  });

  test("a repeated registration", async () => {
    const runners = server.client(RunnerService, { headers: { "idempotency-key": "audited" } });
    const request = { name: "once", provider: RunnerProvider.AWS_EC2 };
    record.take();
    const { runner } = await runners.createRunner(request);
    await runners.createRunner(request);
    expect(written()).toEqual([`runner.create ${runner?.runnerId}`]);
  });

  test("what a rule refuses once it has looked", async () => {
    const [admin, name] = [actor(world, "org admin"), "taken"];
    const accounts = server.client(ServiceAccountService);
    const validUntil = timestampFromMs(server.clock.now() + 24 * 3600 * 1000);
    await accounts.createServiceAccount({ name, validUntil });
    const { group } = await world.groups.createGroup({ organizationId: world.organizationId, name });
    const membership = { groupId: world.groupId, subject: { id: admin.id, principal: Principal.USER } };
    await world.groups.createMembership(membership);
    record.take();
    for (const call of [
      () => operator().suspendUser({ userId: admin.id }),
      () => accounts.createServiceAccount({ name, validUntil }),
      () => world.groups.createGroup({ organizationId: world.organizationId, name }),
      () => world.groups.updateGroup({ groupId: world.groupId, name }),
      () => world.groups.updateGroup({ groupId: world.orgMembers, name: "mine" }),
      () => world.groups.createMembership(membership),
      () =>
        world.groups.createRoleAssignment({
          groupId: group?.id ?? "",
          resourceType: ResourceType.ORGANIZATION,
          resourceId: world.otherOrganizationId,
          resourceRole: ResourceRole.ORG_ADMIN,
        }),
    ]) {
      expect((await refusal(call())).code).toMatch(/^(failed_precondition|already_exists|not_found)$/);
    }
    expect(written()).toEqual([]);
  });
});

test("what an operator does in another organisation is in the record of both", async () => {
  const { otherOrganizationId: organizationId, organizationId: own } = world;
  record.take();
  const made = await operator().createUser({ organizationId, name: "theirs", email: "theirs@example.com" });
  const userId = made.user?.id ?? "";
  const { personalAccessToken } = await operator().createUserToken({ userId });
  await operator().suspendUser({ userId });
  const { gateway } = await operator().createGateway({
    organizationId,
    name: "theirs",
    url: "https://gateway.example.com",
  });
  const expected = [
    `user.create ${userId}`,
    `access_token.create ${personalAccessToken?.id}`,
    `user.suspend ${userId}`,
    `gateway.create ${gateway?.id}`,
  ];
  const entries = record.take();
  const operatorId = actor(world, "org admin").id;
  expect(new Set(entries.map(({ actorId }) => actorId))).toEqual(new Set([operatorId]));
  for (const organization of [organizationId, own]) {
    const inIt = entries.filter((entry) => entry.organizationId === organization);
    expect(inIt.map(({ action, subjectId }) => `${action} ${subjectId}`)).toEqual(expected);
  }
  expect(entries).toHaveLength(2 * expected.length);
});

describe("an exchange token", () => {
  test("leaves an entry for each time that it gives out an access token, and none when it is refused", async () => {
    const { id, exchangeToken } = await world.newRunner();
    const exchanged = `runner.exchange_token ${id}`;
    record.take();
    const retrying = anonymous({ "idempotency-key": "lost-answer" });
    await retrying.exchangeToken({ exchangeToken });
    await retrying.exchangeToken({ exchangeToken });
    expect(written()).toEqual([exchanged, exchanged]);
    expect(await refusal(anonymous().exchangeToken({ exchangeToken }))).toMatchObject({
      reason: "EXCHANGE_TOKEN_USED",
    });
    expect(written()).toEqual([]);
  });
});

test("a runner that winds down leaves who asked for it, and that it is over", async () => {
  const { id: runnerId, exchangeToken } = await world.newRunner();
  const token = await world.exchange(exchangeToken);
  const itself = server.client(RunnerAgentService, { token });
  const { generation } = await itself.renewRegistration({});
  await itself.renewRegistration({ generation });
  record.take();
  await world.runners.deleteRunner({ runnerId });
  await world.runners.deleteRunner({ runnerId });
  await itself.signOff({ generation });
  const admin = actor(world, "org admin").id;
  expect(record.take().map(({ action, actorId, subjectId }) => [action, actorId, subjectId])).toEqual([
    ["runner.request_deletion", admin, runnerId],
    ["runner.delete", runnerId, runnerId],
  ]);
});
