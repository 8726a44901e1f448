import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import { ServiceAccountService } from "../../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../../gen/gitpod/v1/user_pb.js";
import { type Actor, actor, type World } from "../../access/world.ts";
import { act, audit, unique } from "./cases.ts";

const { GROUP, ROLE_ASSIGNMENT, PERSONAL_ACCESS_TOKEN, SERVICE_ACCOUNT, SERVICE_ACCOUNT_TOKEN } =
  ResourceType;
const onGroup = (verb: string, id: string | undefined) => act(`group.${verb}`, GROUP, id);
const onGrant = (verb: string, id: string | undefined) => act(`role_assignment.${verb}`, ROLE_ASSIGNMENT, id);
const onAccount = (verb: string, id: string | undefined) =>
  act(`service_account.${verb}`, SERVICE_ACCOUNT, id);
const user = ({ id }: Actor) => ({ id, principal: Principal.USER });

const groups = GroupService.method;
audit(groups.createGroup, ({ organizationId }) => ({
  request: { organizationId, name: unique("group") },
  acts: ({ group }) => [onGroup("create", group?.id)],
}));
audit(groups.updateGroup, ({ groupId }) => ({
  request: { groupId, name: unique("group") },
  acts: () => [onGroup("update", groupId)],
}));
audit(groups.deleteGroup, async ({ newSharedGroup }) => {
  const groupId = await newSharedGroup();
  return { request: { groupId }, acts: () => [onGroup("delete", groupId)] };
});
audit(groups.createMembership, async ({ groupId, newUser }) => ({
  request: { groupId, subject: user(await newUser("joins")) },
  acts: () => [onGroup("add_member", groupId)],
}));
audit(groups.deleteMembership, async (world) => {
  const { groupId } = world;
  const { member } = await world.groups.createMembership({
    groupId,
    subject: user(await world.newUser("leaves")),
  });
  return {
    request: { membershipId: member?.id ?? "" },
    acts: () => [onGroup("remove_member", groupId)],
  };
});

const runnerOf = ({ runnerId }: World) => ({ resourceType: ResourceType.RUNNER, resourceId: runnerId });
audit(groups.createRoleAssignment, async (world) => ({
  request: {
    ...runnerOf(world),
    groupId: await world.newGroup(),
    resourceRole: ResourceRole.RUNNER_USER,
  },
  acts: ({ assignment }) => [onGrant("create", assignment?.id)],
}));
audit(groups.deleteRoleAssignment, async (world) => {
  const resourceRole = ResourceRole.RUNNER_USER;
  const groupId = await world.newGroup();
  const { assignment } = await world.groups.createRoleAssignment({
    ...runnerOf(world),
    groupId,
    resourceRole,
  });
  return { request: { assignmentId: assignment?.id ?? "" }, acts: () => [onGrant("delete", assignment?.id)] };
});
async function guest(world: World) {
  const { id: userId } = await world.newUser("guest");
  const filter = { userId, resourceTypes: [ResourceType.RUNNER] };
  return {
    sharing: { ...runnerOf(world), principal: Principal.USER, principalId: userId },
    grant: async () => (await world.groups.listRoleAssignments({ filter })).assignments[0]?.id,
  };
}
audit(groups.shareResourceWithPrincipal, async (world) => {
  const { sharing, grant } = await guest(world);
  return {
    request: { ...sharing, role: ResourceRole.RUNNER_USER },
    acts: async () => [onGrant("create", await grant())],
  };
});
audit(groups.unshareResourceWithPrincipal, async (world) => {
  const { sharing, grant } = await guest(world);
  await world.groups.shareResourceWithPrincipal({ ...sharing, role: ResourceRole.RUNNER_USER });
  const id = await grant();
  return { request: sharing, acts: () => [onGrant("delete", id)] };
});

const users = UserService.method;
const asMember = (world: World) => world.server.client(UserService, { token: actor(world, "member").token });
async function newestToken(world: World): Promise<string | undefined> {
  const { personalAccessTokens } = await asMember(world).listPersonalAccessTokens({});
  return personalAccessTokens[0]?.id;
}
audit(
  users.createPersonalAccessToken,
  (world) => ({
    request: { userId: actor(world, "member").id },
    async acts({ token }) {
      world.server.keepSecret(token);
      return [act("access_token.create", PERSONAL_ACCESS_TOKEN, await newestToken(world))];
    },
  }),
  { as: "member" },
);
audit(
  users.deletePersonalAccessToken,
  async (world) => {
    await asMember(world).createPersonalAccessToken({ userId: actor(world, "member").id });
    const id = await newestToken(world);
    return {
      request: { personalAccessTokenId: id ?? "" },
      acts: () => [act("access_token.revoke", PERSONAL_ACCESS_TOKEN, id)],
    };
  },
  { as: "member" },
);

const onUser = (verb: string, id: string) => act(`user.${verb}`, ResourceType.USER, id);
audit(users.setSuspended, async ({ newUser }) => {
  const { id: userId } = await newUser("suspect");
  return { request: { userId, suspended: true }, acts: () => [onUser("suspend", userId)] };
});
audit(users.deleteUser, async ({ newUser }) => {
  const { id: userId } = await newUser("leaver");
  return { request: { userId }, acts: () => [onUser("delete", userId)] };
});
audit(
  users.setPreference,
  (world) => ({
    request: { key: unique("key"), value: "value" },
    acts: () => [onUser("set_preference", actor(world, "member").id)],
  }),
  { as: "member" },
);
audit(
  users.deletePreference,
  async (world) => {
    const key = unique("key");
    await asMember(world).setPreference({ key, value: "value" });
    const named = { preference: { case: "preferenceKey" as const, value: key } };
    const { preference } = await asMember(world).getPreference(named);
    return {
      request: { userPreferenceId: preference?.id ?? "" },
      acts: () => [onUser("delete_preference", actor(world, "member").id)],
    };
  },
  { as: "member" },
);
audit(
  users.setDotfilesConfiguration,
  (world) => ({
    request: { repository: "https://github.com/acme/dotfiles" },
    acts: () => [onUser("set_dotfiles", actor(world, "member").id)],
  }),
  { as: "member", invalid: { repository: "no url" } },
);

const accounts = ServiceAccountService.method;
const asAccount = (world: World) =>
  world.server.client(ServiceAccountService, { token: actor(world, "service account").token });
audit(accounts.createServiceAccount, ({ server }) => ({
  request: { name: unique("account"), validUntil: timestampFromMs(server.clock.now() + 24 * 3600 * 1000) },
  acts: ({ serviceAccount }) => [onAccount("create", serviceAccount?.id)],
}));
audit(accounts.updateServiceAccount, async ({ newServiceAccount }) => {
  const { id: serviceAccountId } = await newServiceAccount(unique("account"));
  return {
    request: { serviceAccountId, description: "changed" },
    acts: () => [onAccount("update", serviceAccountId)],
  };
});
audit(accounts.deleteServiceAccount, async ({ newServiceAccount }) => {
  const { id: serviceAccountId } = await newServiceAccount(unique("account"));
  return { request: { serviceAccountId }, acts: () => [onAccount("delete", serviceAccountId)] };
});
audit(accounts.createServiceAccountAccessToken, (world) => ({
  request: { serviceAccountId: actor(world, "service account").id },
  async acts({ token }) {
    world.server.keepSecret(token);
    const { tokens } = await asAccount(world).listServiceAccountTokens({});
    return [act("access_token.create", SERVICE_ACCOUNT_TOKEN, tokens[0]?.id)];
  },
}));
audit(
  accounts.createServiceAccountToken,
  (world) => ({
    request: { description: "own" },
    acts({ token, serviceAccountToken }) {
      world.server.keepSecret(token);
      return [act("access_token.create", SERVICE_ACCOUNT_TOKEN, serviceAccountToken?.id)];
    },
  }),
  { as: "service account", invalid: { validFor: { seconds: -1n } } },
);
audit(
  accounts.deleteServiceAccountToken,
  async (world) => {
    const { serviceAccountToken } = await asAccount(world).createServiceAccountToken({
      description: "spare",
    });
    return {
      request: { serviceAccountTokenId: serviceAccountToken?.id ?? "" },
      acts: () => [act("access_token.revoke", SERVICE_ACCOUNT_TOKEN, serviceAccountToken?.id)],
    };
  },
  { as: "service account" },
);
