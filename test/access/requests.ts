import type { DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { EnvironmentService } from "../../gen/gitpod/v1/environment_pb.js";
import { EventService, ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GatewayService } from "../../gen/gitpod/v1/gateway_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { OrganizationService } from "../../gen/gitpod/v1/organization_pb.js";
import { RunnerConfigurationService, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerRole, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { newId } from "../support/records.ts";
import { answerAll } from "./answering.ts";
import {
  environmentClass,
  hostToken,
  llmIntegration,
  models,
  newHost,
  newHostToken,
  newLlmIntegration,
  newScmIntegration,
  scmIntegration,
  sized,
} from "./configuration.ts";
import { preferenceOf } from "./preferences.ts";
import { type Actor, actor, type Kind, type World } from "./world.ts";

/** A valid request, and the token to send it with when it must be another than the caller's usual one. */
export interface Call<M extends DescMethod = DescMethod> {
  readonly request: MessageInitShape<M["input"]>;
  readonly token?: string | undefined;
}

/** Makes what the call needs and changes, so that calls do not disturb each other. */
export type CallMaker<M extends DescMethod = DescMethod> = (world: World, kind: Kind) => Promise<Call<M>>;

const makers = new Map<DescMethod, CallMaker>();

function on<M extends DescMethod>(
  method: M,
  request: (world: World, kind: Kind) => MessageInitShape<M["input"]> | Promise<MessageInitShape<M["input"]>>,
): void {
  makers.set(method, async (world, kind) => ({ request: await request(world, kind) }));
}

/** How to call a method; undefined for one that nobody wrote down yet. */
export function callMaker(method: DescMethod): CallMaker | undefined {
  return makers.get(method);
}

let names = 0;
const unique = (what: string) => `${what}-${++names}`;
const user = ({ id }: Actor) => ({ id, principal: Principal.USER });
const onRunner = ({ runnerId }: World) => ({ resourceType: ResourceType.RUNNER, resourceId: runnerId });
const nextYear = ({ server }: World) => timestampFromMs(server.clock.now() + 365 * 24 * 3600 * 1000);
const self = (world: World, kind: Kind) => world.actors[kind]?.id ?? actor(world, "org admin").id;

const runners = RunnerService.method;
on(runners.createRunner, () => ({ name: "another", provider: RunnerProvider.GCP }));
on(runners.getRunner, ({ runnerId }) => ({ runnerId }));
on(runners.listRunners, () => ({}));
on(runners.updateRunner, ({ runnerId }) => ({ runnerId, name: "renamed" }));
makers.set(runners.deleteRunner, async (world, kind) => {
  const runner = await world.newRunner();
  const token = kind === "runner itself" ? await world.exchange(runner.exchangeToken) : undefined;
  return { request: { runnerId: runner.id }, token };
});
on(runners.createRunnerToken, ({ runnerId }) => ({ runnerId }));
on(runners.createRunnerLogsToken, ({ runnerId }) => ({ runnerId }));
on(runners.listRunnerPolicies, ({ runnerId }) => ({ runnerId }));
on(runners.createRunnerPolicy, async ({ runnerId, newGroup }) => ({
  runnerId,
  groupId: await newGroup(),
  role: RunnerRole.USER,
}));
on(runners.updateRunnerPolicy, ({ runnerId, runnerUsers }) => ({
  runnerId,
  groupId: runnerUsers,
  role: RunnerRole.USER,
}));
on(runners.deleteRunnerPolicy, async (world) => {
  const groupId = await world.newGroup();
  await world.runners.createRunnerPolicy({ runnerId: world.runnerId, groupId, role: RunnerRole.USER });
  return { runnerId: world.runnerId, groupId };
});

// The runner of the world has an agent for these, that gives the same answer to everything.
for (const [method, request] of [
  [runners.parseContextURL, { contextUrl: "https://asked.example/acme/tool" }],
  [runners.searchRepositories, {}],
  [runners.listSCMOrganizations, { scmHost: "asked.example" }],
  [runners.checkAuthenticationForHost, { host: "asked.example" }],
  [runners.checkRepositoryAccess, { repositoryUrl: "https://asked.example/acme/tool" }],
] as const) {
  makers.set(method, async (world) => {
    await answerAll(world);
    return { request: { ...request, runnerId: world.runnerId } };
  });
}
on(EnvironmentService.method.listEnvironmentClasses, () => ({}));
const configuration = RunnerConfigurationService.method;
on(configuration.createEnvironmentClass, ({ runnerId }) => ({ runnerId, ...sized }));
on(configuration.getEnvironmentClass, async (world) => ({
  environmentClassId: await environmentClass(world),
}));
on(configuration.listEnvironmentClasses, () => ({}));
on(configuration.updateEnvironmentClass, async (world) => ({
  environmentClassId: await environmentClass(world),
  description: "changed",
}));
on(configuration.createSCMIntegration, ({ runnerId }) => ({ runnerId, scmId: "github", host: newHost() }));
on(configuration.getSCMIntegration, async (world) => ({ id: await scmIntegration(world) }));
on(configuration.listSCMIntegrations, () => ({}));
on(configuration.updateSCMIntegration, async (world) => ({ id: await scmIntegration(world), pat: true }));
on(configuration.deleteSCMIntegration, async (world) => ({ id: await newScmIntegration(world) }));
on(configuration.createLLMIntegration, ({ runnerId }) => ({ runnerId, models }));
on(configuration.getLLMIntegration, async (world) => ({ id: await llmIntegration(world) }));
on(configuration.listLLMIntegrations, () => ({}));
on(configuration.updateLLMIntegration, async (world) => ({ id: await llmIntegration(world), maxTokens: 7n }));
on(configuration.deleteLLMIntegration, async (world) => ({ id: await newLlmIntegration(world) }));
on(configuration.getRunnerConfigurationSchema, ({ runnerId }) => ({ runnerId }));
on(configuration.validateRunnerConfiguration, ({ runnerId }) => ({
  runnerId,
  config: { case: "environmentClass" as const, value: sized },
}));
on(configuration.createHostAuthenticationToken, hostToken);
on(configuration.getHostAuthenticationToken, async (world) => ({ id: await newHostToken(world) }));
on(configuration.listHostAuthenticationTokens, () => ({}));
on(configuration.updateHostAuthenticationToken, async (world) => ({
  id: await newHostToken(world),
  token: "another-token-for-a-host",
}));
on(configuration.deleteHostAuthenticationToken, async (world) => ({ id: await newHostToken(world) }));

const identity = IdentityService.method;
on(identity.getAuthenticatedIdentity, () => ({}));
on(identity.getIDToken, () => ({ audience: ["https://cloud.example.com"] }));
on(identity.exchangeToken, async ({ newRunner }) => ({ exchangeToken: (await newRunner()).exchangeToken }));

const groups = GroupService.method;
on(groups.createGroup, ({ organizationId }) => ({ organizationId, name: unique("made") }));
on(groups.getGroup, ({ groupId }) => ({ group: { case: "id" as const, value: groupId } }));
on(groups.listGroups, () => ({}));
on(groups.updateGroup, ({ groupId }) => ({ groupId, name: unique("renamed") }));
on(groups.deleteGroup, async ({ newSharedGroup }) => ({ groupId: await newSharedGroup() }));
on(groups.createMembership, async ({ groupId, newUser }) => ({
  groupId,
  subject: user(await newUser("new member")),
}));
on(groups.deleteMembership, async (world) => {
  const subject = user(await world.newUser("former member"));
  const { member } = await world.groups.createMembership({ groupId: world.groupId, subject });
  return { membershipId: member?.id ?? "" };
});
on(groups.getMembership, (world) => ({
  groupId: world.runnerUsers,
  subject: user(actor(world, "runner user")),
}));
on(groups.listMemberships, ({ groupId }) => ({ groupId }));
on(groups.createRoleAssignment, async (world) => ({
  ...onRunner(world),
  groupId: await world.newGroup(),
  resourceRole: ResourceRole.RUNNER_USER,
}));
on(groups.listRoleAssignments, () => ({}));
on(groups.deleteRoleAssignment, async (world) => {
  const groupId = await world.newGroup();
  const grant = { ...onRunner(world), groupId, resourceRole: ResourceRole.RUNNER_USER };
  const { assignment } = await world.groups.createRoleAssignment(grant);
  return { assignmentId: assignment?.id ?? "" };
});
const guest = async (world: World) => ({
  ...onRunner(world),
  principal: Principal.USER,
  principalId: (await world.newUser("guest")).id,
});
on(groups.shareResourceWithPrincipal, async (world) => ({
  ...(await guest(world)),
  role: ResourceRole.RUNNER_USER,
}));
on(groups.unshareResourceWithPrincipal, guest);

const users = UserService.method;
on(users.getAuthenticatedUser, () => ({}));
on(users.getUser, (world) => ({ userId: actor(world, "member").id }));
on(OrganizationService.method.getOrganization, ({ organizationId }) => ({ organizationId }));
on(OrganizationService.method.listMembers, ({ organizationId }) => ({ organizationId }));
on(users.setSuspended, async ({ newUser }) => ({ userId: (await newUser("suspect")).id, suspended: true }));
on(users.deleteUser, async ({ newUser }) => ({ userId: (await newUser("leaver")).id }));
on(users.setPreference, () => ({ key: unique("key"), value: "value" }));
on(users.getPreference, async (world, kind) => {
  const { key } = await preferenceOf(world, kind);
  return { preference: { case: "preferenceKey" as const, value: key } };
});
on(users.listPreferences, () => ({}));
on(users.deletePreference, async (world, kind) => ({
  userPreferenceId: (await preferenceOf(world, kind)).id,
}));
on(users.getDotfilesConfiguration, () => ({}));
on(users.setDotfilesConfiguration, () => ({ repository: "https://github.com/acme/dotfiles" }));
on(users.createPersonalAccessToken, (world, kind) => ({ userId: self(world, kind) }));
const tokenOfMember = async (world: World) => {
  const { id: userId, token } = actor(world, "member");
  const made = await world.server
    .client(UserService, { token })
    .createPersonalAccessToken({ userId, readOnly: true });
  world.server.keepSecret(made.token);
  const { personalAccessTokens } = await world.server
    .client(UserService, { token })
    .listPersonalAccessTokens({ pagination: { pageSize: 1 } });
  return { personalAccessTokenId: personalAccessTokens[0]?.id ?? "" };
};
on(users.getPersonalAccessToken, tokenOfMember);
on(users.listPersonalAccessTokens, () => ({}));
on(users.deletePersonalAccessToken, tokenOfMember);

const accounts = ServiceAccountService.method;
const account = (world: World) => ({ serviceAccountId: actor(world, "service account").id });
const newAccount = async (world: World) => ({
  serviceAccountId: (await world.newServiceAccount(unique("account"))).id,
});
const tokenOfAccount = async (world: World) => {
  const { token } = actor(world, "service account");
  const own = world.server.client(ServiceAccountService, { token });
  world.server.keepSecret((await own.createServiceAccountToken({ description: "spare" })).token);
  const listed = await own.listServiceAccountTokens({ pagination: { pageSize: 1 } });
  return { serviceAccountTokenId: listed.tokens[0]?.id ?? "" };
};
on(accounts.createServiceAccount, (world) => ({ name: unique("made"), validUntil: nextYear(world) }));
on(accounts.listServiceAccounts, () => ({}));
on(accounts.getServiceAccount, account);
on(accounts.updateServiceAccount, (world) => ({ ...account(world), description: "changed" }));
on(accounts.deleteServiceAccount, newAccount);
on(accounts.createServiceAccountAccessToken, account);
on(accounts.createServiceAccountToken, () => ({ description: "own" }));
on(accounts.listServiceAccountTokens, () => ({}));
on(accounts.getServiceAccountToken, tokenOfAccount);
on(accounts.deleteServiceAccountToken, tokenOfAccount);

const events = EventService.method;
on(events.watchEvents, () => ({}));
on(events.listAuditLogs, () => ({}));
on(events.getAuditLog, async ({ server }) => {
  const { entries } = await server.client(EventService).listAuditLogs({ pagination: { pageSize: 1 } });
  return { auditLogEntryId: entries[0]?.id ?? "" };
});

on(GatewayService.method.listGateways, () => ({}));

const agents = RunnerAgentService.method;
const renewed = async (world: World, kind: Kind) => {
  const caller = kind === "other runner" ? kind : "runner itself";
  const token = actor(world, caller).token;
  return (await world.server.client(RunnerAgentService, { token }).renewRegistration({})).generation;
};
on(agents.renewRegistration, ({ runnerId }) => ({ runnerId }));
on(agents.watchRegistration, async (world, kind) => ({
  runnerId: world.runnerId,
  generation: await renewed(world, kind),
}));
on(agents.reportRunnerMetrics, async (world, kind) => ({
  runnerId: world.runnerId,
  generation: await renewed(world, kind),
}));
on(agents.signOff, async (world, kind) => ({
  runnerId: world.runnerId,
  generation: await renewed(world, kind),
}));

on(agents.answerQuestion, async (world, kind) => ({
  runnerId: world.runnerId,
  generation: await renewed(world, kind),
  questionId: newId(),
  outcome: { case: "checkRepository" as const, value: { hasAccess: true } },
}));
on(agents.getRunnerConfiguration, async (world, kind) => ({
  runnerId: world.runnerId,
  generation: await renewed(world, kind),
}));
on(agents.storeHostToken, async (world, kind) => {
  const generation = await answerAll(world);
  const calls = world.server.client(RunnerService, { token: actor(world, "org admin").token });
  await calls.checkAuthenticationForHost({ runnerId: world.runnerId, host: "asked.example" });
  const subject = user(actor(world, "org admin"));
  const other = kind === "other runner" ? await renewed(world, kind) : generation;
  return { runnerId: world.runnerId, generation: other, subject, host: "asked.example", token: "a-token" };
});

const admin = AdminService.method;
const suspended = async (world: World) => ({ userId: (await world.newUser("suspended")).id });
on(admin.createOrganization, () => ({
  name: unique("organization"),
  adminName: "admin",
  adminEmail: "admin@example.com",
}));
on(admin.listOrganizations, () => ({}));
on(admin.createUser, ({ organizationId }) => ({
  organizationId,
  name: "made",
  email: `${unique("made")}@example.com`,
}));
on(admin.listUsers, () => ({}));
on(admin.suspendUser, suspended);
on(admin.resumeUser, suspended);
on(admin.createUserToken, (world) => ({ userId: actor(world, "member").id }));
on(admin.suspendServiceAccount, newAccount);
on(admin.resumeServiceAccount, newAccount);
on(admin.createRunnerManager, ({ organizationId }) => ({ organizationId, name: unique("manager") }));
on(admin.listRunnerManagers, () => ({}));
on(admin.deleteRunnerManager, async ({ server, organizationId }) => {
  const made = await server
    .client(AdminService)
    .createRunnerManager({ organizationId, name: unique("manager") });
  return { runnerManagerId: made.runnerManager?.id ?? "" };
});
const gateway = ({ organizationId }: World) => ({
  organizationId,
  name: unique("gateway"),
  url: "https://gateway.example.com",
  region: "eu",
});
on(admin.createGateway, gateway);
on(admin.listGateways, () => ({}));
on(admin.deleteGateway, async (world) => {
  const made = await world.server.client(AdminService).createGateway(gateway(world));
  return { gatewayId: made.gateway?.id ?? "" };
});
on(admin.rotateSigningKey, () => ({}));
on(admin.listSigningKeys, () => ({}));
on(admin.acknowledgeIncident, () => ({ provider: RunnerProvider.GCP }));
