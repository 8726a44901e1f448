import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import type { Wire } from "../support/clients.ts";
import { addToken, besideServer } from "../support/database.ts";
import { newUser } from "../support/people.ts";
import { byUser, newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

/** Both HTTP versions, and what the hot path takes of each. */
const wires: readonly Wire[] = ["connect-json 1.1", "connect-json 2", "grpc 2", "grpc-web 1.1"];

// The server remembers whom a token stands for: each token is used before its rights go, so that it is remembered.
describe.each([true, false])("what was withdrawn is refused by the next call, hot path %s", (hotPath) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ config: { hotPath } });
  });
  afterAll(() => server.close());

  const whoami = (token: string, wire: Wire) =>
    server.client(IdentityService, { token, wire }).getAuthenticatedIdentity({});

  test.each(wires)("a token that its holder revokes: %s", async (wire) => {
    const { id, organizationId } = await newUser(server);
    const token = await addToken(server.config.dataDir, { organizationId, subjectId: id });
    await whoami(token.secret, wire);
    await server.client(UserService, { token: token.secret }).deletePersonalAccessToken({
      personalAccessTokenId: token.id,
    });
    expect(await refusal(whoami(token.secret, wire))).toMatchObject({ reason: "TOKEN_REVOKED" });
  });

  test.each(wires)("a token that another process revokes: %s", async (wire) => {
    const { id, organizationId } = await newUser(server);
    const token = await addToken(server.config.dataDir, { organizationId, subjectId: id });
    await whoami(token.secret, wire);
    await besideServer(server.config.dataDir, (store) =>
      store.tokens.revokeAccessToken(byUser(newId(), organizationId), token.id, server.clock.now()),
    );
    expect(await refusal(whoami(token.secret, wire))).toMatchObject({ reason: "TOKEN_REVOKED" });
  });

  test.each(wires)("a person who is suspended: %s", async (wire) => {
    const { id, token } = await newUser(server);
    await whoami(token, wire);
    await server.client(AdminService).suspendUser({ userId: id });
    expect(await refusal(whoami(token, wire))).toMatchObject({ code: "unauthenticated" });
  });

  test.each(wires)("a role that a group loses: %s", async (wire) => {
    const { id, organizationId, token } = await newUser(server);
    const groups = server.client(GroupService);
    const { group } = await groups.createGroup({ organizationId, name: `runners ${wire}` });
    const groupId = group?.id ?? "";
    await groups.createMembership({ groupId, subject: { id, principal: Principal.USER } });
    const { assignment } = await groups.createRoleAssignment({
      groupId,
      resourceType: ResourceType.ORGANIZATION,
      resourceId: organizationId,
      resourceRole: ResourceRole.ORG_RUNNERS_ADMIN,
    });
    const made = await server
      .client(RunnerService)
      .createRunner({ name: `of the admin ${wire}`, provider: RunnerProvider.AWS_EC2 });
    const runnerId = made.runner?.runnerId ?? "";
    const runners = server.client(RunnerService, { token, wire });
    await runners.updateRunner({ runnerId, name: "renamed" });
    await groups.deleteRoleAssignment({ assignmentId: assignment?.id ?? "" });
    expect(await refusal(runners.updateRunner({ runnerId, name: "not renamed" }))).toMatchObject({
      code: expect.stringMatching(/^(permission_denied|not_found)$/),
    });
  });

  test.each(wires)("a runner that is deleted: %s", async (wire) => {
    const made = await server
      .client(RunnerService)
      .createRunner({ name: wire, provider: RunnerProvider.AWS_EC2 });
    const { accessToken } = await server
      .client(IdentityService, { token: null })
      .exchangeToken({ exchangeToken: made.exchangeToken });
    await whoami(accessToken, wire);
    await server.client(RunnerService).deleteRunner({ runnerId: made.runner?.runnerId ?? "" });
    expect(await refusal(whoami(accessToken, wire))).toMatchObject({ reason: "RUNNER_DELETED" });
  });
});
