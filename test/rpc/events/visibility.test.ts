import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ResourceType } from "../../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import { RunnerRole, RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import { bootstrapped } from "../../fleet/fixture.ts";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { besideServer } from "../../support/database.ts";
import { newOrganization, newServiceAccount, newUser, operator, type Someone } from "../../support/people.ts";
import { allowed, byUser } from "../../support/records.ts";
import { refusal } from "../../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../../support/server.ts";
import { createRunner, deleted, type OpenWatch, openWatch, rename, updated } from "./fixture.ts";

let server: TestServer;
let clients: Clients;
let organizationId: string;
/** A runner that everybody of a test sees: once a watcher hears of it, it has heard of all that was before. */
let marker: string;
let watches: OpenWatch[];
beforeAll(async () => {
  server = await startTestServer();
  organizationId = (await operator(server)).organizationId;
});
afterAll(() => server.close());
beforeEach(async () => {
  clients = clientsOf(server.url);
  marker = await createRunner(server);
  watches = [];
});
afterEach(async () => {
  await Promise.all(watches.map((one) => one.leave()));
  clients.close();
});

const groups = () => server.client(GroupService);
const runners = () => server.client(RunnerService);
const runnersOnly = { resourceTypeFilters: [{ resourceType: ResourceType.RUNNER }] };

async function watching(token: string, request: object = runnersOnly): Promise<OpenWatch> {
  const open = openWatch(clients, { token, request });
  watches.push(open);
  await open.opened;
  return open;
}

/** Resolves once everybody has heard of the marker. */
async function marked(...open: readonly OpenWatch[]): Promise<void> {
  const before = open.map(({ got }) => got.filter((one) => one === updated(marker)).length);
  await rename(server, marker);
  for (const [i, watch] of open.entries()) {
    const heard = () => watch.got.filter((one) => one === updated(marker)).length;
    while (heard() === before[i]) await watch.count(watch.got.length + 1);
  }
}

/** What a watch got, without the marker. */
const told = (watch: OpenWatch) => watch.got.filter((one) => !one.endsWith(marker));

async function newGroup(...members: readonly (Someone & { readonly principal?: Principal })[]) {
  const { group } = await groups().createGroup({ organizationId, name: `group ${Math.random()}` });
  const groupId = group?.id ?? "";
  for (const member of members) await join(groupId, member);
  return groupId;
}

async function join(
  groupId: string,
  { id, principal = Principal.USER }: Someone & { principal?: Principal },
) {
  const { member } = await groups().createMembership({ groupId, subject: { id, principal } });
  return member?.id ?? "";
}

async function account(name: string) {
  const made = await newServiceAccount(server, `${name} ${Math.random()}`);
  const share = { resourceType: ResourceType.RUNNER, resourceId: marker, role: ResourceRole.RUNNER_USER };
  await groups().shareResourceWithPrincipal({
    ...share,
    principal: Principal.SERVICE_ACCOUNT,
    principalId: made.id,
  });
  return { ...made, principal: Principal.SERVICE_ACCOUNT };
}

/** A user who sees the marker. */
async function person(options: Parameters<typeof newUser>[1] = {}): Promise<Someone> {
  const made = await newUser(server, options);
  const share = { resourceType: ResourceType.RUNNER, resourceId: marker, role: ResourceRole.RUNNER_USER };
  await groups().shareResourceWithPrincipal({ ...share, principal: Principal.USER, principalId: made.id });
  return made;
}

describe("of a runner's change and of its deletion", () => {
  test("hears who may see it, and nobody else", async () => {
    const creator = await person();
    const granted = await person();
    const readOnly = await person({ readOnly: true });
    const program = await account("granted");
    const runnersAdmin = await person();
    const plain = await person();
    const holder = await account("a role without effect");
    const stranger = await newOrganization(server, `organisation ${Math.random()}`);
    const runner = await createRunner(server, creator.token);
    const audience = await newGroup(granted, readOnly, program);
    await runners().createRunnerPolicy({ runnerId: runner, groupId: audience, role: RunnerRole.USER });
    const onRunner = { resourceType: ResourceType.RUNNER, resourceId: runner };
    await groups().createRoleAssignment({
      groupId: await newGroup(holder),
      resourceRole: ResourceRole.RUNNER_CONFIGURATION_READER,
      ...onRunner,
    });
    await groups().createRoleAssignment({
      groupId: await newGroup(runnersAdmin),
      resourceRole: ResourceRole.ORG_RUNNERS_ADMIN,
      resourceType: ResourceType.ORGANIZATION,
      resourceId: organizationId,
    });
    const seeing = [creator, granted, readOnly, program, runnersAdmin, { token: adminToken }];
    const blind = [plain, holder];
    const see = await Promise.all(seeing.map(({ token }) => watching(token)));
    const miss = await Promise.all(blind.map(({ token }) => watching(token)));
    const abroad = await watching(stranger.token);
    await rename(server, runner);
    await runners().deleteRunner({ runnerId: runner });
    await marked(...see, ...miss);
    const theirs = await createRunner(server, stranger.token);
    await abroad.count(1);
    expect(see.map(told)).toEqual(seeing.map(() => [updated(runner), deleted(runner)]));
    expect(miss.map(told)).toEqual(blind.map(() => []));
    expect(abroad.got).toEqual([`CREATE RUNNER ${theirs}`]);
  });

  test("hears a runner's own token, of this runner alone, until the runner is gone", async () => {
    const own = await bootstrapped(server);
    const other = await bootstrapped(server);
    const watch = await watching(own.token, {});
    await rename(server, other.id);
    await rename(server, own.id);
    await watch.count(1);
    const ended = refusal(watch.done);
    await runners().deleteRunner({ runnerId: own.id });
    expect(await ended).toMatchObject({ code: "unauthenticated", reason: "RUNNER_DELETED" });
    expect(watch.got).toEqual([updated(own.id)]);
  });
});

describe("an open stream", () => {
  test("begins to tell with a policy and a membership, and stops with them at once", async () => {
    const member = await person();
    const late = await account("late");
    const runner = await createRunner(server);
    const groupId = await newGroup(member);
    const [first, second] = [await watching(member.token), await watching(late.token)];
    const change = async () => {
      await rename(server, runner);
      await marked(first, second);
      return [told(first).length, told(second).length];
    };
    expect(await change()).toEqual([0, 0]);
    await runners().createRunnerPolicy({ runnerId: runner, groupId, role: RunnerRole.USER });
    expect(await change()).toEqual([1, 0]);
    const membership = await join(groupId, late);
    expect(await change()).toEqual([2, 1]);
    await groups().deleteMembership({ membershipId: membership });
    expect(await change()).toEqual([3, 1]);
    await runners().deleteRunnerPolicy({ runnerId: runner, groupId });
    expect(await change()).toEqual([3, 1]);
    await runners().createRunnerPolicy({ runnerId: runner, groupId, role: RunnerRole.ADMIN });
    await join(groupId, late);
    expect(await change()).toEqual([4, 2]);
    await groups().deleteGroup({ groupId });
    expect(await change()).toEqual([4, 2]);
    await runners().deleteRunner({ runnerId: runner });
    await marked(first, second);
    expect([told(first).length, told(second).length]).toEqual([4, 2]);
  });

  test("does not tell what came behind the loss of a right in the same commit", async () => {
    const member = await person();
    const runner = await createRunner(server);
    const groupId = await newGroup();
    const membership = await join(groupId, member);
    await runners().createRunnerPolicy({ runnerId: runner, groupId, role: RunnerRole.USER });
    const watch = await watching(member.token);
    const { dataDir } = server.config;
    await besideServer(dataDir, async (store) => {
      const [group, stored] = [
        await store.groups.get(organizationId, groupId),
        await store.runners.get(organizationId, runner),
      ];
      if (group === null || stored === null) throw new Error("nothing to change");
      const by = byUser(member.id, organizationId);
      await Promise.all([
        store.groups.removeMember({ ...group, by } as never, membership, server.clock.now()),
        store.runners.update(allowed(stored), { name: "unseen" }, server.clock.now()),
      ]);
    });
    await marked(watch);
    expect(told(watch)).toEqual([]);
  });
});

describe("of groups and people", () => {
  test("hear members of the organisation, grants included; a program hears of its own groups, their end included", async () => {
    const member = await person();
    const program = await account("inside");
    const outsider = await account("outside");
    const groupId = await newGroup(program);
    const all = await Promise.all([member, program, outsider].map(({ token }) => watching(token, {})));
    await groups().updateGroup({ groupId, name: `renamed ${Math.random()}` });
    const onRunner = { resourceType: ResourceType.RUNNER, resourceId: await createRunner(server) };
    const resourceRole = ResourceRole.RUNNER_CONFIGURATION_READER;
    await groups().createRoleAssignment({ groupId, ...onRunner, resourceRole });
    const late = await newUser(server);
    await groups().deleteGroup({ groupId });
    await marked(...all);
    const about = (watch: OpenWatch, ...types: string[]) =>
      told(watch).filter((one) => types.includes(one.split(" ")[1] ?? ""));
    const changes = [`UPDATE GROUP ${groupId}`, `CREATE ROLE_ASSIGNMENT_CHANGED ${groupId}`];
    const end = `DELETE GROUP ${groupId}`;
    const types = ["GROUP", "ROLE_ASSIGNMENT_CHANGED", "USER"];
    const [ofMember, ofProgram, ofOutsider] = all.map((one) =>
      about(one, ...types).filter((told) => told.endsWith(groupId) || told.endsWith(late.id)),
    );
    expect(ofMember).toEqual([...changes, `CREATE USER ${late.id}`, end]);
    expect(ofProgram).toEqual([...changes, end]);
    expect(ofOutsider).toEqual([]);
  });
});
