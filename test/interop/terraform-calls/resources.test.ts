import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { ResourceRole } from "../../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import {
  HostAuthenticationTokenSource,
  RunnerProvider,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerRole } from "../../../gen/gitpod/v1/runner_pb.js";
import { type KeyedRunner, keyRunner } from "../../support/keyed-runner.ts";
import { operator } from "../../support/people.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { live } from "./life.ts";
import { type Provider, providerOf } from "./provider.ts";
import {
  environmentClass,
  group,
  llmIntegration,
  newSecret,
  notFound,
  runner,
  scmIntegration,
  secret,
  serviceAccount,
} from "./resources.ts";

// The calls that the official Terraform provider makes for each resource about runners, in the order in which it makes them.

let server: TestServer;
let organizationId: string;
beforeAll(async () => {
  server = await startTestServer();
  ({ organizationId } = await operator(server));
  server.keepSecret(secret, newSecret);
});
afterAll(() => server.close());

let names = 0;
const newName = () => `resource ${++names}`;

async function newRunner({
  runners,
}: Provider): Promise<{ runnerId: string; keyed: () => Promise<KeyedRunner> }> {
  const { runner, exchangeToken } = await runners.createRunner({
    name: newName(),
    provider: RunnerProvider.AWS_EC2,
    spec: { desiredPhase: RunnerPhase.ACTIVE, configuration: { region: "eu-central-1" } },
  });
  return { runnerId: runner?.runnerId ?? "", keyed: () => keyRunner(server, exchangeToken) };
}
const newGroup = async ({ groups }: Provider) =>
  (await groups.createGroup({ organizationId, name: newName() })).group?.id ?? "";
const inADay = () => timestampFromMs(server.clock.now() + 24 * 60 * 60 * 1000);
const newAccount = async ({ accounts }: Provider, name = newName()) => {
  const validUntil = inADay();
  return (await accounts.createServiceAccount({ name, validUntil })).serviceAccount?.id ?? "";
};

describe.each(["", "/api"] as const)('with host = "<address>%s"', (base) => {
  let provider: Provider;
  beforeAll(() => {
    provider = providerOf(server, base);
  });
  afterAll(() => provider.close());
  /** A runner of the same configuration that has come up and told its key. */
  const keyedRunner = async () => {
    const { runnerId, keyed } = await newRunner(provider);
    return { runnerId, key: await keyed() };
  };

  test("ona_runner", () => live(provider, runner()));

  test("ona_runner_policy", async () => {
    const { runnerId } = await newRunner(provider);
    const groupId = await newGroup(provider);
    const policy = async () =>
      (await provider.runners.listRunnerPolicies({ runnerId })).policies.find(
        (one) => one.groupId === groupId,
      );
    await provider.runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    expect(await policy()).toMatchObject({ groupId, role: RunnerRole.USER });
    await provider.runners.updateRunnerPolicy({ runnerId, groupId, role: RunnerRole.ADMIN });
    expect(await policy()).toMatchObject({ groupId, role: RunnerRole.ADMIN });
    await provider.runners.deleteRunnerPolicy({ runnerId, groupId });
    expect(await policy()).toBeUndefined();
  });

  test("ona_environment_class", async () =>
    live(provider, environmentClass((await newRunner(provider)).runnerId)));

  test("ona_scm_integration with personal access tokens, on a runner that is not there yet", async () => {
    const { runnerId } = await newRunner(provider);
    const sent = {
      scmId: "azuredevops_server",
      host: "DevOps.example:8443",
      pat: true,
      virtualDirectory: "/tfs",
    };
    const update = { pat: true, oauthClientId: "", virtualDirectory: "" };
    const read = { scmId: sent.scmId, host: sent.host, pat: true, mode: "pat" };
    const planned = { ...read, directory: "/tfs" };
    const changed = { ...read, directory: undefined };
    await live(provider, scmIntegration(runnerId, sent, planned, update, changed));
  });

  test("ona_scm_integration with OAuth", async () => {
    const { runnerId, key } = await keyedRunner();
    const issuerUrl = "https://login.example/tenant/v2.0";
    const sent = { scmId: "azuredevops_entra", host: "dev.azure.com/Acme", pat: false };
    const oauth = { oauthClientId: "Client 1", oauthPlaintextClientSecret: secret, issuerUrl };
    const planned = { ...sent, oauth: { clientId: "Client 1", issuerUrl } };
    const update = { pat: false, oauthClientId: "Client 2", oauthPlaintextClientSecret: newSecret };
    const changed = { ...sent, oauth: { clientId: "Client 2", issuerUrl } };
    const resource = scmIntegration(runnerId, { ...sent, ...oauth }, planned, update, changed);
    await live(provider, resource);
    // From OAuth to tokens in place: nothing of it is left to read.
    const id = await resource.create(provider);
    const { configuration } = provider;
    const { integration: first } = await configuration.getSCMIntegration({ id });
    expect(key.open(first?.oauth?.encryptedClientSecret ?? new Uint8Array())).toBe(secret);
    await configuration.updateSCMIntegration({ id, pat: true, oauthClientId: "", issuerUrl: "" });
    const { integration } = await configuration.getSCMIntegration({ id });
    expect(integration).toMatchObject({ pat: true });
    expect(integration?.oauth).toBeUndefined();
  });

  test("ona_runner_llm_integration", async () => {
    const { runnerId } = await keyedRunner();
    await live(provider, llmIntegration(runnerId));
  });

  test("ona_group, with its members and what is granted to it", async () => {
    await live(provider, group(organizationId));
    const { groups } = provider;
    const groupId = await newGroup(provider);
    const subject = { id: await newAccount(provider), principal: Principal.SERVICE_ACCOUNT };
    await groups.createMembership({ groupId, subject });
    expect((await groups.listMemberships({ groupId })).members.map(({ subject: { id } = {} }) => id)).toEqual(
      [subject.id],
    );
    const { runnerId } = await newRunner(provider);
    const grant = { groupId, resourceId: runnerId, resourceType: ResourceType.RUNNER };
    const { assignment } = await groups.createRoleAssignment({
      ...grant,
      resourceRole: ResourceRole.RUNNER_USER,
    });
    const granted = async () => (await groups.listRoleAssignments({ filter: { groupId } })).assignments;
    expect(await granted()).toEqual([assignment]);
    await groups.deleteRoleAssignment({ assignmentId: assignment?.id ?? "" });
    expect(await granted()).toEqual([]);
  });

  test("ona_service_account", () => live(provider, serviceAccount(inADay())));

  test("ona_git_authentication, whose every step takes an access token of its service account", async () => {
    const { runnerId } = await newRunner(provider);
    const { id: scmIntegrationId } = await provider.configuration.createSCMIntegration({
      ...{ runnerId, scmId: "github", host: "github.com", pat: true },
    });
    const serviceAccountId = await newAccount(provider);
    const groupId = await newGroup(provider);
    const subject = { id: serviceAccountId, principal: Principal.SERVICE_ACCOUNT };
    await provider.groups.createMembership({ groupId, subject });
    await provider.runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    const account = async (called: Provider) => {
      const { token } = await called.accounts.createServiceAccountAccessToken({ serviceAccountId });
      return called.as(token).configuration;
    };
    const source = HostAuthenticationTokenSource.PAT;
    const planned = { runnerId, host: "github.com", source, subject, integrationId: scmIntegrationId };
    await live(provider, {
      async create(called) {
        const { integration } = await called.configuration.getSCMIntegration({ id: scmIntegrationId });
        const host = integration?.host ?? "";
        const created = await (await account(called)).createHostAuthenticationToken({
          ...{ runnerId, host, token: secret, source, subject },
        });
        expect(created.token).toMatchObject(planned);
        return created.token?.id ?? "";
      },
      read: async (called, id) => (await (await account(called)).getHostAuthenticationToken({ id })).token,
      update: async (called, id) =>
        (await account(called)).updateHostAuthenticationToken({ id, token: newSecret }),
      destroy: async (called, id) => (await account(called)).deleteHostAuthenticationToken({ id }),
      ...{ planned, changed: planned, gone: notFound("host authentication token not found") },
    });
  });

  test("the import of ona_git_authentication: an admin finds whose it is", async () => {
    const { runnerId } = await newRunner(provider);
    const { configuration } = provider;
    await configuration.createSCMIntegration({ runnerId, scmId: "gitlab", host: "gitlab.com", pat: true });
    const serviceAccountId = await newAccount(provider);
    const groupId = await newGroup(provider);
    const subject = { id: serviceAccountId, principal: Principal.SERVICE_ACCOUNT };
    await provider.groups.createMembership({ groupId, subject });
    await provider.runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    const { token } = await provider.accounts.createServiceAccountAccessToken({ serviceAccountId });
    const source = HostAuthenticationTokenSource.PAT;
    const sent = { runnerId, host: "gitlab.com", token: secret, source, subject };
    const { token: made } = await provider.as(token).configuration.createHostAuthenticationToken(sent);
    expect((await configuration.getHostAuthenticationToken({ id: made?.id ?? "" })).token).toEqual(made);
    const { tokens } = await configuration.listHostAuthenticationTokens({ filter: { runnerId } });
    expect(tokens).toEqual([made]);
    const { integrations } = await configuration.listSCMIntegrations({ filter: { runnerIds: [runnerId] } });
    expect(integrations.map(({ host, pat }) => ({ host, pat }))).toEqual([{ host: "gitlab.com", pat: true }]);
    // With the runner goes everything that was set up on it; what is destroyed after it is gone already.
    await provider.runners.deleteRunner({ runnerId, force: true });
    const after = await configuration.listHostAuthenticationTokens({ filter: { runnerId } });
    expect(after.tokens).toEqual([]);
  });
});
