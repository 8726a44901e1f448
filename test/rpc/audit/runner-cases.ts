import type { DescMethod } from "@bufbuild/protobuf";
import { EventService, ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { GroupService } from "../../../gen/gitpod/v1/group_pb.js";
import { IdentityService, Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerRole, RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../../gen/rollcall/v1/agent_pb.js";
import { answerAll } from "../../access/answering.ts";
import { actor, type World } from "../../access/world.ts";
import { newId } from "../../support/records.ts";
import { act, audit } from "./cases.ts";

const { RUNNER, ROLE_ASSIGNMENT } = ResourceType;
const onRunner = (verb: string, id: string | undefined) => act(`runner.${verb}`, RUNNER, id);
const onGrant = (verb: string, id: string | undefined) => act(`role_assignment.${verb}`, ROLE_ASSIGNMENT, id);

const runners = RunnerService.method;
audit(runners.createRunner, () => ({
  request: { name: "audited", provider: RunnerProvider.AWS_EC2 },
  acts: ({ runner }) => [onRunner("create", runner?.runnerId)],
}));
audit(runners.updateRunner, ({ runnerId }) => ({
  request: { runnerId, name: "renamed" },
  acts: () => [onRunner("update", runnerId)],
}));
audit(runners.deleteRunner, async ({ newRunner }) => {
  const { id: runnerId } = await newRunner();
  return { request: { runnerId }, acts: () => [onRunner("delete", runnerId)] };
});
audit(runners.createRunnerToken, ({ runnerId }) => ({
  request: { runnerId },
  acts: () => [onRunner("create_exchange_token", runnerId)],
}));
audit(runners.createRunnerLogsToken, ({ runnerId }) => ({
  request: { runnerId },
  acts: () => [onRunner("create_logs_token", runnerId)],
}));

/** The one role assignment of a group. */
async function grantOf({ server }: World, groupId: string): Promise<string | undefined> {
  const filter = { groupId, resourceTypes: [RUNNER] };
  return (await server.client(GroupService).listRoleAssignments({ filter })).assignments[0]?.id;
}
async function newPolicy(world: World) {
  const [groupId, runnerId] = [await world.newGroup(), world.runnerId];
  await world.runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
  return { groupId, runnerId, id: await grantOf(world, groupId) };
}
audit(runners.createRunnerPolicy, async (world) => {
  const groupId = await world.newGroup();
  return {
    request: { runnerId: world.runnerId, groupId, role: RunnerRole.USER },
    acts: async () => [onGrant("create", await grantOf(world, groupId))],
  };
});
audit(runners.updateRunnerPolicy, async (world) => {
  const { id, ...policy } = await newPolicy(world);
  return { request: { ...policy, role: RunnerRole.ADMIN }, acts: () => [onGrant("update", id)] };
});
audit(runners.deleteRunnerPolicy, async (world) => {
  const { id, ...policy } = await newPolicy(world);
  return { request: policy, acts: () => [onGrant("delete", id)] };
});

const identity = IdentityService.method;
audit(identity.getIDToken, (world) => ({
  request: { audience: ["https://cloud.example.com"] },
  acts: () => [act("id_token.create", ResourceType.USER, actor(world, "org admin").id)],
}));
audit(
  identity.exchangeToken,
  async ({ newRunner }) => {
    const { id, exchangeToken } = await newRunner();
    return {
      request: { exchangeToken },
      actor: { id, principal: Principal.RUNNER },
      acts: () => [onRunner("exchange_token", id)],
    };
  },
  { as: "nobody" },
);

audit(EventService.method.watchEvents, () => ({ request: {}, acts: () => [] }), {
  as: "member",
  invalid: { resourceTypeFilters: [{ resourceType: RUNNER, resourceIds: ["no id"] }] },
});

// What a runner says about itself is its status, which events tell of; there is nobody else to hold to account.
const itself = { as: "runner itself", invalid: { runnerId: "no id" } } as const;
async function renewed({ server, ...world }: World) {
  const { id: runnerId, token } = actor({ server, ...world }, "runner itself");
  const { generation } = await server.client(RunnerAgentService, { token }).renewRegistration({});
  return { request: { runnerId, generation }, acts: () => [] };
}
const agents = RunnerAgentService.method;
audit(agents.renewRegistration, ({ runnerId }) => ({ request: { runnerId }, acts: () => [] }), itself);
audit(agents.watchRegistration, renewed, itself);
audit(agents.reportRunnerMetrics, renewed, itself);
audit(agents.signOff, renewed, itself);
audit(agents.getRunnerConfiguration, renewed, itself);
audit(
  agents.answerQuestion,
  async (world) => {
    const { request, acts } = await renewed(world);
    return { request: { ...request, questionId: newId() }, acts };
  },
  itself,
);
audit(
  agents.storeHostToken,
  async (world) => {
    const generation = await answerAll(world);
    const asker = actor(world, "org admin");
    const { runnerId } = world;
    const calls = world.server.client(RunnerService, { token: asker.token });
    await calls.checkAuthenticationForHost({ runnerId, host: "asked.example" });
    const subject = { id: asker.id, principal: Principal.USER };
    const request = { runnerId, generation, subject, host: "asked.example", token: "a-token" };
    const { HOST_AUTHENTICATION_TOKEN } = ResourceType;
    return {
      request,
      acts: ({ id }) => [act("host_authentication_token.create", HOST_AUTHENTICATION_TOKEN, id)],
    };
  },
  itself,
);

// Questions change nothing, and who asks these has no credential that could go along: that would be written down.
async function question(world: World) {
  await answerAll(world);
  const link = "https://asked.example/acme/tool";
  const { runnerId } = world;
  const request = {
    runnerId,
    host: "asked.example",
    scmHost: "asked.example",
    contextUrl: link,
    repositoryUrl: link,
  };
  return { request, acts: () => [] };
}
for (const method of [
  runners.parseContextURL,
  runners.listSCMOrganizations,
  runners.checkAuthenticationForHost,
  runners.checkRepositoryAccess,
] as const) {
  audit<DescMethod>(method, question, { as: "runners admin" });
}
audit<DescMethod>(
  runners.searchRepositories,
  async (world) => {
    const { request, acts } = await question(world);
    return { request: { runnerId: request.runnerId }, acts };
  },
  { as: "runners admin", invalid: { runnerId: "no id" } },
);
