import { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { UserService } from "../../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../../gen/rollcall/v1/admin_pb.js";
import type { World } from "../../access/world.ts";
import { type Act, act, audit, unique } from "./cases.ts";

const { ORGANIZATION, USER, SERVICE_ACCOUNT, PERSONAL_ACCESS_TOKEN, UNSPECIFIED } = ResourceType;

/** An act of an operator in another organisation: that organisation and the operator's both have it. */
function inBoth(organizationId: string | undefined, one: Act): Act[] {
  return [{ ...one, organizationId }, one];
}

const operator = (world: World) => world.server.client(AdminService);
const admin = AdminService.method;
audit(admin.createOrganization, ({ server }) => ({
  request: { name: unique("organization"), adminName: "admin", adminEmail: "admin@example.com" },
  async acts({ organization, admin: user, token }) {
    server.keepSecret(token);
    const id = organization?.id;
    const theirs = server.client(UserService, { token });
    const [minted] = (await theirs.listPersonalAccessTokens({})).personalAccessTokens;
    return [
      ...inBoth(id, act("organization.create", ORGANIZATION, id)),
      ...inBoth(id, act("user.create", USER, user?.id)),
      ...inBoth(id, act("access_token.create", PERSONAL_ACCESS_TOKEN, minted?.id)),
    ];
  },
}));

const newUserRequest = (organizationId: string) => ({
  organizationId,
  name: "made",
  email: `${unique("user")}@example.com`,
});
audit(admin.createUser, ({ organizationId }) => ({
  request: newUserRequest(organizationId),
  acts: ({ user }) => [act("user.create", USER, user?.id)],
}));
audit(admin.suspendUser, async ({ newUser }) => {
  const { id: userId } = await newUser("suspended");
  return { request: { userId }, acts: () => [act("user.suspend", USER, userId)] };
});
audit(admin.resumeUser, async (world) => {
  const { id: userId } = await world.newUser("resumed");
  await operator(world).suspendUser({ userId });
  return { request: { userId }, acts: () => [act("user.resume", USER, userId)] };
});
audit(admin.createUserToken, async (world) => ({
  request: { userId: (await world.newUser("has a token")).id },
  acts({ token, personalAccessToken }) {
    world.server.keepSecret(token);
    return [act("access_token.create", PERSONAL_ACCESS_TOKEN, personalAccessToken?.id)];
  },
}));
audit(admin.suspendServiceAccount, async ({ newServiceAccount }) => {
  const { id: serviceAccountId } = await newServiceAccount(unique("account"));
  return {
    request: { serviceAccountId },
    acts: () => [act("service_account.suspend", SERVICE_ACCOUNT, serviceAccountId)],
  };
});
audit(admin.resumeServiceAccount, async (world) => {
  const { id: serviceAccountId } = await world.newServiceAccount(unique("account"));
  await operator(world).suspendServiceAccount({ serviceAccountId });
  return {
    request: { serviceAccountId },
    acts: () => [act("service_account.resume", SERVICE_ACCOUNT, serviceAccountId)],
  };
});

// The contract has no type for what follows: the action names it.
audit(admin.createRunnerManager, ({ organizationId }) => ({
  request: { organizationId, name: unique("manager") },
  acts: ({ runnerManager }) => [act("runner_manager.create", UNSPECIFIED, runnerManager?.id)],
}));
audit(admin.deleteRunnerManager, async (world) => {
  const { runnerManager } = await operator(world).createRunnerManager({ name: unique("manager") });
  const runnerManagerId = runnerManager?.id ?? "";
  return {
    request: { runnerManagerId },
    acts: () => [act("runner_manager.delete", UNSPECIFIED, runnerManagerId)],
  };
});
const newGateway = () => ({ name: unique("gateway"), url: "https://gateway.example.com", region: "eu" });
audit(admin.createGateway, () => ({
  request: newGateway(),
  acts: ({ gateway }) => [act("gateway.create", UNSPECIFIED, gateway?.id)],
}));
audit(admin.deleteGateway, async (world) => {
  const gatewayId = (await operator(world).createGateway(newGateway())).gateway?.id ?? "";
  return { request: { gatewayId }, acts: () => [act("gateway.delete", UNSPECIFIED, gatewayId)] };
});
audit(
  admin.rotateSigningKey,
  () => ({
    request: {},
    acts: ({ signingKey }) => [act("signing_key.rotate", UNSPECIFIED, signingKey?.id)],
  }),
  { invalid: null },
);
// One that lasts, and its entry, are in test/fleet/incident.test.ts: without one there is nothing to write down.
audit(admin.acknowledgeIncident, () => ({ request: { provider: RunnerProvider.GCP }, acts: () => [] }));
