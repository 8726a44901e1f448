import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerRole, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import type { TestServer } from "../support/server.ts";
import { adminToken } from "../support/server.ts";

/** Somebody with a token. */
export interface Actor {
  readonly id: string;
  readonly token: string;
}

/** Who calls, in the order of the columns of docs/access.md. */
export const kinds = [
  "org admin",
  "runners admin",
  "groups admin",
  "audit reader",
  "runner admin",
  "runner user",
  "group admin",
  "member",
  "read-only",
  "service account",
  "runner itself",
  "other runner",
  "other org admin",
  "nobody",
] as const;
export type Kind = (typeof kinds)[number];

/** An organisation with one caller of every kind, a runner and a group that they stand in different relations to. */
export interface World {
  readonly server: TestServer;
  readonly organizationId: string;
  readonly otherOrganizationId: string;
  /** Null for nobody. */
  readonly actors: Readonly<Record<Kind, Actor | null>>;
  /** The groups that hold RUNNER_ADMIN and RUNNER_USER on each runner that the world makes. */
  readonly runnerAdmins: string;
  readonly runnerUsers: string;
  readonly otherOrganizationGroup: string;
  /** The runner that calls as `runner itself`. */
  readonly runnerId: string;
  /** The group that `group admin` is admin of. */
  readonly groupId: string;
  readonly orgAdmins: string;
  readonly orgMembers: string;
  /** Clients with the org admin's token. */
  readonly groups: Client<typeof GroupService>;
  readonly runners: Client<typeof RunnerService>;
  newUser(name: string): Promise<Actor>;
  newServiceAccount(name: string): Promise<Actor>;
  /** A group with these members; the org admin makes it. */
  newGroup(...members: readonly Actor[]): Promise<string>;
  /** As `newGroup`, with `group admin` as its admin. */
  newSharedGroup(): Promise<string>;
  /** A runner of the org admin, shared like `runnerId`. */
  newRunner(): Promise<{ id: string; exchangeToken: string }>;
  exchange(exchangeToken: string): Promise<string>;
  /** Changes something that each of the actors is told of. */
  stir(): Promise<void>;
}

let names = 0;
const unique = (what: string) => `${what} ${++names}`;

export async function makeWorld(server: TestServer): Promise<World> {
  const operator = server.client(AdminService);
  const groups = server.client(GroupService);
  const runners = server.client(RunnerService);
  const { organizationId, subject } = await server.client(IdentityService).getAuthenticatedIdentity({});
  const admin = { id: subject?.id ?? "", token: adminToken };

  async function tokenOf(userId: string, readOnly = false): Promise<string> {
    return (await operator.createUserToken({ userId, readOnly })).token;
  }
  async function newUser(name: string): Promise<Actor> {
    const email = `${unique("mail").replace(" ", "")}@example.com`;
    const { user } = await operator.createUser({ organizationId, name, email });
    return { id: user?.id ?? "", token: await tokenOf(user?.id ?? "") };
  }
  async function newServiceAccount(name: string): Promise<Actor> {
    const accounts = server.client(ServiceAccountService);
    const validUntil = timestampFromMs(server.clock.now() + 365 * 24 * 3600 * 1000);
    const { serviceAccount } = await accounts.createServiceAccount({ name, validUntil });
    const id = serviceAccount?.id ?? "";
    const { token } = await accounts.createServiceAccountAccessToken({ serviceAccountId: id });
    return { id, token };
  }
  async function newGroup(...members: readonly Actor[]): Promise<string> {
    const { group } = await groups.createGroup({ organizationId, name: unique("group") });
    const groupId = group?.id ?? "";
    for (const { id } of members) {
      await groups.createMembership({ groupId, subject: { id, principal: Principal.USER } });
    }
    return groupId;
  }
  async function onOrganization(actor: Actor, resourceRole: ResourceRole): Promise<void> {
    const groupId = await newGroup(actor);
    const resource = { resourceType: ResourceType.ORGANIZATION, resourceId: organizationId };
    await groups.createRoleAssignment({ groupId, resourceRole, ...resource });
  }
  async function exchange(exchangeToken: string): Promise<string> {
    const { accessToken } = await server
      .client(IdentityService, { token: null })
      .exchangeToken({ exchangeToken });
    return accessToken;
  }

  const runnersAdmin = await newUser("runners admin");
  await onOrganization(runnersAdmin, ResourceRole.ORG_RUNNERS_ADMIN);
  const groupsAdmin = await newUser("groups admin");
  await onOrganization(groupsAdmin, ResourceRole.ORG_GROUPS_ADMIN);
  const auditReader = await newUser("audit reader");
  await onOrganization(auditReader, ResourceRole.ORG_AUDIT_LOG_READER);
  const [runnerAdmin, runnerUser] = [await newUser("runner admin"), await newUser("runner user")];
  const [runnerAdmins, runnerUsers] = [await newGroup(runnerAdmin), await newGroup(runnerUser)];
  const groupAdmin = await newUser("group admin");
  const serviceAccount = await newServiceAccount("service account");

  async function newRunner() {
    const { runner, exchangeToken } = await runners.createRunner({
      name: "shared",
      provider: RunnerProvider.AWS_EC2,
      spec: { configuration: { metrics: { managedMetricsEnabled: true } } },
    });
    const runnerId = runner?.runnerId ?? "";
    await runners.createRunnerPolicy({ runnerId, groupId: runnerAdmins, role: RunnerRole.ADMIN });
    await runners.createRunnerPolicy({ runnerId, groupId: runnerUsers, role: RunnerRole.USER });
    return { id: runnerId, exchangeToken };
  }
  async function newSharedGroup(): Promise<string> {
    const groupId = await newGroup();
    await groups.shareResourceWithPrincipal({
      resourceType: ResourceType.GROUP,
      resourceId: groupId,
      principal: Principal.USER,
      principalId: groupAdmin.id,
      role: ResourceRole.GROUP_ADMIN,
    });
    return groupId;
  }
  async function newRunnerActor(): Promise<Actor> {
    const runner = await newRunner();
    return { id: runner.id, token: await exchange(runner.exchangeToken) };
  }

  const runner = await newRunnerActor();
  const other = await operator.createOrganization({
    name: "other",
    adminName: "other admin",
    adminEmail: "other@example.com",
  });
  const otherOrganizationId = other.organization?.id ?? "";
  const { group: otherGroup } = await server
    .client(GroupService, { token: other.token })
    .createGroup({ organizationId: otherOrganizationId, name: "theirs" });
  const otherRunner = await newRunnerActor();
  const bystanders: string[] = [];
  for (const where of [organizationId, otherOrganizationId]) {
    const { user } = await operator.createUser({
      organizationId: where,
      name: "bystander",
      email: "b@example.com",
    });
    bystanders.push(user?.id ?? "");
  }
  async function stir(): Promise<void> {
    for (const userId of bystanders) {
      await operator.suspendUser({ userId });
      await operator.resumeUser({ userId });
    }
    for (const { id: runnerId } of [runner, otherRunner]) {
      await runners.updateRunner({ runnerId, name: unique("stirred") });
    }
    // Nobody made it a member, so it hears of itself alone.
    const description = unique("stirred");
    await server
      .client(ServiceAccountService)
      .updateServiceAccount({ serviceAccountId: serviceAccount.id, description });
  }
  const systemGroup = async (name: string) =>
    (await groups.getGroup({ group: { case: "name", value: name } })).group?.id ?? "";

  return {
    server,
    organizationId,
    otherOrganizationId,
    actors: {
      "org admin": admin,
      "runners admin": runnersAdmin,
      "groups admin": groupsAdmin,
      "audit reader": auditReader,
      "runner admin": runnerAdmin,
      "runner user": runnerUser,
      "group admin": groupAdmin,
      member: await newUser("member"),
      "read-only": { id: admin.id, token: await tokenOf(admin.id, true) },
      "service account": serviceAccount,
      "runner itself": runner,
      "other runner": otherRunner,
      "other org admin": { id: other.admin?.id ?? "", token: other.token },
      nobody: null,
    },
    runnerAdmins,
    runnerUsers,
    otherOrganizationGroup: otherGroup?.id ?? "",
    runnerId: runner.id,
    groupId: await newSharedGroup(),
    orgAdmins: await systemGroup("org-admins"),
    orgMembers: await systemGroup("org-members"),
    groups,
    runners,
    newUser,
    newServiceAccount,
    newGroup,
    newSharedGroup,
    newRunner,
    exchange,
    stir,
  };
}

/** The actor of a kind that has a token. */
export function actor(world: World, kind: Exclude<Kind, "nobody">): Actor {
  const found = world.actors[kind];
  if (found === null) throw new Error(`${kind} has no token`);
  return found;
}
