import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventService, ResourceOperation, ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { UserService, UserStatus } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { besideServer } from "../support/database.ts";
import { newOrganization, newServiceAccount, newUser, operator, type Someone } from "../support/people.ts";
import { newId } from "../support/records.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const admin = (who?: Pick<Someone, "token">) =>
  server.client(AdminService, who === undefined ? {} : { token: who.token });
const whoIs = (token: string) => server.client(IdentityService, { token }).getAuthenticatedIdentity({});

/** Every method, with a request that an operator could send. */
function everyCall(who: Pick<Someone, "token">): Promise<unknown>[] {
  const client = admin(who);
  const id = newId();
  return [
    client.createOrganization({ name: "x", adminName: "x", adminEmail: "x@example.com" }),
    client.listOrganizations({}),
    client.createUser({ name: "x", email: "x@example.com" }),
    client.listUsers({}),
    client.suspendUser({ userId: id }),
    client.resumeUser({ userId: id }),
    client.createUserToken({ userId: id }),
    client.suspendServiceAccount({ serviceAccountId: id }),
    client.resumeServiceAccount({ serviceAccountId: id }),
    client.createRunnerManager({ name: "x" }),
    client.listRunnerManagers({}),
    client.deleteRunnerManager({ runnerManagerId: id }),
    client.createGateway({ name: "x", url: "https://x.example" }),
    client.listGateways({}),
    client.deleteGateway({ gatewayId: id }),
    client.rotateSigningKey({}),
    client.listSigningKeys({}),
    client.acknowledgeIncident({ provider: RunnerProvider.GCP }),
  ];
}

describe("only operators", () => {
  test("may call: members, admins of other organisations, programs and runners may not", async () => {
    const theirAdmin = await newOrganization(server);
    const member = await newUser(server);
    const program = await newServiceAccount(server, "ci");
    const { exchangeToken } = await server
      .client(RunnerService)
      .createRunner({ name: "runner", provider: RunnerProvider.GCP });
    const { accessToken } = await server
      .client(IdentityService, { token: null })
      .exchangeToken({ exchangeToken });
    for (const who of [theirAdmin, member, program, { token: accessToken }]) {
      const calls = everyCall(who);
      expect(calls).toHaveLength(AdminService.methods.length);
      for (const refused of await refusals(calls))
        expect(refused).toMatchObject({ code: "permission_denied" });
    }
    expect((await admin().listUsers({})).users).toHaveLength(3);
  });

  test("who were made admins of the first organisation may, with a read-only token only look", async () => {
    const second = await newUser(server, { admin: true });
    expect((await admin(second).listOrganizations({})).organizations).toHaveLength(1);
    const reader = await newUser(server, { admin: true, readOnly: true });
    expect((await admin(reader).listUsers({})).users).toHaveLength(3);
    expect(await refusal(admin(reader).rotateSigningKey({}))).toMatchObject({ reason: "TOKEN_READ_ONLY" });
  });
});

describe("organisations", () => {
  test("begin with an admin who can work at once, and see nothing of each other", async () => {
    await server.client(RunnerService).createRunner({ name: "ours", provider: RunnerProvider.GCP });
    const theirs = await newOrganization(server, "acme");
    const runners = server.client(RunnerService, { token: theirs.token });
    await runners.createRunner({ name: "theirs", provider: RunnerProvider.GCP });
    expect((await runners.listRunners({})).runners.map(({ name }) => name)).toEqual(["theirs"]);
    const { groups } = await server.client(GroupService, { token: theirs.token }).listGroups({});
    expect(groups.map(({ name }) => name).sort()).toEqual(["org-admins", "org-members"]);
    const { organizations } = await admin().listOrganizations({});
    expect(organizations.map(({ name }) => name)).toEqual(["acme", "default"]);
  });

  test("that do not exist get nothing", async () => {
    const organizationId = newId();
    for (const refused of await refusals([
      admin().createUser({ organizationId, name: "x", email: "x@example.com" }),
      admin().createRunnerManager({ organizationId, name: "x" }),
      admin().createGateway({ organizationId, name: "x", url: "https://x.example" }),
    ])) {
      expect(refused).toMatchObject({ code: "not_found", reason: "ORGANIZATION_NOT_FOUND" });
    }
  });
});

describe("users", () => {
  test("are members from the start, with an email of their own", async () => {
    const member = await newUser(server);
    const runners = server.client(RunnerService, { token: member.token });
    expect(
      (await runners.createRunner({ name: "mine", provider: RunnerProvider.GCP })).runner?.creator?.id,
    ).toBe(member.id);
    const email = "twice@example.com";
    await admin().createUser({ name: "one", email });
    expect(await refusal(admin().createUser({ name: "two", email }))).toMatchObject({
      code: "already_exists",
      reason: "EMAIL_TAKEN",
    });
    const theirs = await newOrganization(server);
    await admin().createUser({ name: "elsewhere", email, organizationId: theirs.organizationId });
    const { users } = await admin().listUsers({ organizationId: theirs.organizationId });
    expect(users.map(({ name }) => name)).toEqual(["elsewhere", "their admin"]);
  });

  test("who are suspended are refused at once, whatever token they have, until they are resumed", async () => {
    const member = await newUser(server);
    const { user } = await admin().suspendUser({ userId: member.id.toUpperCase() });
    expect(user?.status).toBe(UserStatus.SUSPENDED);
    expect(await refusal(whoIs(member.token))).toMatchObject({
      code: "unauthenticated",
      reason: "USER_SUSPENDED",
    });
    expect((await admin().listUsers({})).users.find(({ id }) => id === member.id)?.status).toBe(
      UserStatus.SUSPENDED,
    );
    await admin().suspendUser({ userId: member.id });
    await admin().resumeUser({ userId: member.id });
    expect((await whoIs(member.token)).subject?.id).toBe(member.id);
    expect(await refusal(admin().suspendUser({ userId: newId() }))).toMatchObject({
      code: "not_found",
      reason: "USER_NOT_FOUND",
    });
  });

  test("cannot all be suspended: the last active admin stays", async () => {
    const first = await operator(server);
    expect(await refusal(admin().suspendUser({ userId: first.id }))).toMatchObject({
      code: "failed_precondition",
      reason: "LAST_ADMIN",
    });
    const second = await newUser(server, { admin: true });
    await admin(second).suspendUser({ userId: first.id });
    expect(await refusal(admin(second).suspendUser({ userId: second.id }))).toMatchObject({
      reason: "LAST_ADMIN",
    });
    expect((await whoIs(second.token)).subject?.id).toBe(second.id);
  });

  test("get tokens from operators, and can see who minted them", async () => {
    const member = await newUser(server);
    const mine = await operator(server);
    const { token, personalAccessToken } = await admin().createUserToken({
      userId: member.id,
      description: "first",
      validFor: { seconds: 3600n },
      readOnly: true,
    });
    expect(personalAccessToken).toMatchObject({
      userId: member.id,
      creator: { id: mine.id },
      readOnly: true,
    });
    expect((await whoIs(token)).subject?.id).toBe(member.id);
    const { personalAccessTokens } = await server
      .client(UserService, { token: member.token })
      .listPersonalAccessTokens({});
    expect(personalAccessTokens[0]).toEqual(personalAccessToken);
    const tooLong = admin().createUserToken({ userId: member.id, validFor: { seconds: 7_776_001n } });
    expect(await refusal(tooLong)).toMatchObject({ code: "invalid_argument", fields: ["valid_for"] });
  });
});

describe("runner managers", () => {
  test("each run one MANAGED runner, of their own organisation", async () => {
    const theirs = await newOrganization(server);
    const { runnerManager } = await admin().createRunnerManager({ name: "rack-7" });
    const runnerManagerId = runnerManager?.id ?? "";
    const managed = { name: "managed", provider: RunnerProvider.MANAGED };
    const runners = server.client(RunnerService);
    for (const [client, id] of [
      [runners, newId()],
      [server.client(RunnerService, { token: theirs.token }), runnerManagerId],
    ] as const) {
      expect(await refusal(client.createRunner({ ...managed, runnerManagerId: id }))).toMatchObject({
        code: "not_found",
        reason: "RUNNER_MANAGER_NOT_FOUND",
      });
    }
    const { runner } = await runners.createRunner({ ...managed, runnerManagerId });
    expect(runner?.runnerManagerId).toBe(runnerManagerId);
    expect(await refusal(runners.createRunner({ ...managed, runnerManagerId }))).toMatchObject({
      code: "already_exists",
      reason: "RUNNER_MANAGER_TAKEN",
    });
    expect(await refusal(admin().deleteRunnerManager({ runnerManagerId }))).toMatchObject({
      code: "failed_precondition",
      reason: "RUNNER_MANAGER_IN_USE",
    });
    await runners.deleteRunner({ runnerId: runner?.runnerId ?? "" });
    await admin().deleteRunnerManager({ runnerManagerId });
    expect(await refusal(admin().deleteRunnerManager({ runnerManagerId }))).toMatchObject({
      code: "not_found",
    });
    expect((await admin().listRunnerManagers({})).runnerManagers).toEqual([]);
  });
});

describe("keys", () => {
  test("can be listed and rotated, and say when they sign", async () => {
    expect((await admin().listSigningKeys({})).signingKeys).toEqual([]);
    const first = await admin().rotateSigningKey({});
    const second = await admin().rotateSigningKey({});
    const { signingKeys } = await admin().listSigningKeys({});
    expect(signingKeys.map(({ id, state }) => [id, state])).toEqual([
      [second.signingKey?.id, 1],
      [first.signingKey?.id, 2],
    ]);
    expect(signingKeys[1]?.retiredAt).toEqual(second.signingKey?.activeFrom);
  });
});

describe("what operators do", () => {
  test("is on record where it happened and where the operator is from, and told to those who watch", async () => {
    const mine = await operator(server);
    const theirs = await newOrganization(server);
    const user = await newUser(server, { organizationId: theirs.organizationId });
    await admin().suspendUser({ userId: user.id });
    const filter = { subjectIds: [user.id] };
    for (const token of [undefined, theirs.token]) {
      const events = server.client(EventService, token === undefined ? {} : { token });
      const { entries } = await events.listAuditLogs({ filter });
      expect(entries.map(({ action, actorId, subjectType }) => [action, actorId, subjectType])).toEqual([
        ["user.suspend", mine.id, ResourceType.USER],
        ["user.create", mine.id, ResourceType.USER],
      ]);
    }
    const told = await besideServer(server.config.dataDir, (store) =>
      store.events.read(theirs.organizationId, 0, 100),
    );
    const pat = ResourceType.PERSONAL_ACCESS_TOKEN;
    expect(told.map((event) => [event.resourceType, event.operation])).toEqual([
      [pat, ResourceOperation.CREATE],
      [ResourceType.ORGANIZATION, ResourceOperation.CREATE],
      [ResourceType.USER, ResourceOperation.CREATE],
      [pat, ResourceOperation.CREATE],
      [ResourceType.USER, ResourceOperation.UPDATE],
    ]);
    const { entries } = await server
      .client(EventService, { token: theirs.token })
      .listAuditLogs({ filter: { subjectTypes: [pat] } });
    expect(entries.map(({ action }) => action)).toEqual(["access_token.create", "access_token.create"]);
  });
});
