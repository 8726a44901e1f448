import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { bootstrapped } from "../fleet/fixture.ts";
import type { Wire } from "../support/clients.ts";
import { addToken, besideServer } from "../support/database.ts";
import { newServiceAccount, newUser, operator } from "../support/people.ts";
import { byUser, newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

/** Somebody who may call, until it is taken back. */
interface Case {
  readonly token: string;
  /** Renames this runner of the admin instead of listing runners: takes a role. */
  readonly renames?: string;
  readonly takeBack: () => Promise<unknown>;
}

let server: TestServer;

const cases: Readonly<Record<string, [reason: string, make: () => Promise<Case>]>> = {
  "a token revoked through the API": [
    "TOKEN_REVOKED",
    async () => {
      const { id, token } = await newUser(server);
      const users = server.client(UserService, { token });
      const { personalAccessTokens } = await users.listPersonalAccessTokens({ filter: { userIds: [id] } });
      const personalAccessTokenId = personalAccessTokens[0]?.id ?? "";
      return {
        token,
        takeBack: () => server.client(UserService).deletePersonalAccessToken({ personalAccessTokenId }),
      };
    },
  ],
  "a token revoked in the database by another connection": [
    "TOKEN_REVOKED",
    async () => {
      const { id, organizationId } = await operator(server);
      const { dataDir } = server.config;
      const token = await addToken(dataDir, { organizationId, subjectId: id });
      const revoke = () =>
        besideServer(dataDir, (store) =>
          store.tokens.revokeAccessToken(byUser(newId(), organizationId), token.id, server.clock.now()),
        );
      return { token: token.secret, takeBack: revoke };
    },
  ],
  "a service account that was suspended": [
    "SERVICE_ACCOUNT_SUSPENDED",
    async () => {
      const { id: serviceAccountId, token } = await newServiceAccount(server, newId());
      return {
        token,
        takeBack: () => server.client(AdminService).suspendServiceAccount({ serviceAccountId }),
      };
    },
  ],
  "a service account that was deleted": [
    "SERVICE_ACCOUNT_DELETED",
    async () => {
      const { id: serviceAccountId, token } = await newServiceAccount(server, newId());
      return {
        token,
        takeBack: () => server.client(ServiceAccountService).deleteServiceAccount({ serviceAccountId }),
      };
    },
  ],
  "a role that a group lost": [
    "RUNNER_NOT_FOUND",
    async () => {
      const { id, organizationId, token } = await newUser(server);
      const groups = server.client(GroupService);
      const { group } = await groups.createGroup({ organizationId, name: newId() });
      const groupId = group?.id ?? "";
      await groups.createMembership({ groupId, subject: { id, principal: Principal.USER } });
      const { assignment } = await groups.createRoleAssignment({
        groupId,
        resourceRole: ResourceRole.ORG_RUNNERS_ADMIN,
        resourceType: ResourceType.ORGANIZATION,
        resourceId: organizationId,
      });
      const { runner } = await server
        .client(RunnerService)
        .createRunner({ name: "admin's", provider: RunnerProvider.GCP });
      const assignmentId = assignment?.id ?? "";
      return {
        token,
        renames: runner?.runnerId ?? "",
        takeBack: () => groups.deleteRoleAssignment({ assignmentId }),
      };
    },
  ],
  "a runner that was deleted": [
    "RUNNER_DELETED",
    async () => {
      const { id: runnerId, token } = await bootstrapped(server);
      return { token, takeBack: () => server.client(RunnerService).deleteRunner({ runnerId }) };
    },
  ],
};

describe.each([true, false])("with the hot path: %s", (hotPath) => {
  beforeEach(async () => {
    server = await startTestServer({ config: { hotPath } });
  });
  afterEach(() => server.close());

  test.each(Object.entries(cases))("%s is refused by the next call", async (_, [reason, make]) => {
    for (const wire of ["connect-json 1.1", "connect-json 2", "grpc 2"] as const satisfies Wire[]) {
      const { token, renames, takeBack } = await make().catch((error) => {
        throw new Error(`${wire}: ${error}`);
      });
      const client = server.client(RunnerService, { token, wire });
      const call = (): Promise<unknown> =>
        renames === undefined
          ? client.listRunners({})
          : client.updateRunner({ runnerId: renames, name: newId() });
      // Twice, so that the second finds the caller known.
      await call();
      await call();
      await takeBack();
      expect([wire, (await refusal(call())).reason]).toEqual([wire, reason]);
    }
  });
});
