import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { type Actor, actor, type Kind, makeWorld, type World } from "../access/world.ts";
import { newId } from "../support/records.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer();
  world = await makeWorld(server);
});
afterAll(() => server.close());

const as = (who: Actor) => server.client(GroupService, { token: who.token });
const user = (who: Actor) => ({ id: who.id, principal: Principal.USER });
const kind = (name: Exclude<Kind, "nobody">) => actor(world, name);
const onOrganization = () => ({
  resourceType: ResourceType.ORGANIZATION,
  resourceId: world.organizationId,
});
const onRunner = (resourceId = world.runnerId) => ({ resourceType: ResourceType.RUNNER, resourceId });
const share = (who: Actor, resourceId: string, role: ResourceRole) => ({
  ...onRunner(resourceId),
  principal: Principal.USER,
  principalId: who.id,
  role,
});

describe("role assignments", () => {
  test("are of a role about the resource, on a resource that is there, once", async () => {
    const groupId = await world.newGroup();
    const { groups } = world;
    const assign = (resourceRole: ResourceRole, resource: object) =>
      groups.createRoleAssignment({ groupId, resourceRole, ...onRunner(), ...resource });
    const wrong = { code: "invalid_argument", fields: ["resource_role"] };
    expect(await refusal(assign(ResourceRole.UNSPECIFIED, {}))).toMatchObject(wrong);
    expect(await refusal(assign(ResourceRole.ORG_ADMIN, {}))).toMatchObject(wrong);
    expect(await refusal(assign(ResourceRole.RUNNER_IDENTITY, {}))).toMatchObject(wrong);
    expect(await refusal(assign(ResourceRole.RUNNER_USER, onOrganization()))).toMatchObject(wrong);
    expect(await refusal(assign(9999 as ResourceRole, {}))).toMatchObject(wrong);
    for (const resource of [onRunner(newId()), { resourceType: ResourceType.GROUP, resourceId: newId() }]) {
      const role =
        resource.resourceType === ResourceType.RUNNER ? ResourceRole.RUNNER_USER : ResourceRole.GROUP_ADMIN;
      expect(await refusal(assign(role, resource))).toMatchObject({ code: "not_found" });
    }
    const elsewhere = { ...onOrganization(), resourceId: world.otherOrganizationId };
    expect(await refusal(assign(ResourceRole.ORG_ADMIN, elsewhere))).toMatchObject({ code: "not_found" });

    const { assignment } = await assign(ResourceRole.RUNNER_USER, {});
    expect(assignment).toMatchObject({ groupId, resourceId: world.runnerId });
    expect(assignment?.derivedFromOrgRole).toBeUndefined();
    const exists = { code: "already_exists", reason: "ROLE_ASSIGNMENT_EXISTS" };
    expect(await refusal(assign(ResourceRole.RUNNER_USER, {}))).toMatchObject(exists);
    expect(await refusal(assign(ResourceRole.RUNNER_ADMIN, {}))).toMatchObject(exists);
    const assignmentId = assignment?.id ?? "";
    await groups.deleteRoleAssignment({ assignmentId });
    const gone = { code: "not_found", reason: "ROLE_ASSIGNMENT_NOT_FOUND" };
    expect(await refusal(groups.deleteRoleAssignment({ assignmentId }))).toMatchObject(gone);
  });

  test("about things of other systems are kept and given back", async () => {
    const groupId = await world.newGroup();
    const resourceId = newId();
    const grant = {
      groupId,
      resourceId,
      resourceType: ResourceType.PROJECT,
      resourceRole: ResourceRole.PROJECT_EDITOR,
    };
    await world.groups.createRoleAssignment(grant);
    const { assignments } = await world.groups.listRoleAssignments({ filter: { resourceId } });
    expect(assignments).toMatchObject([grant]);
    const member = as(kind("groups admin")).createRoleAssignment({ ...grant, resourceId: newId() });
    expect(await refusal(member)).toMatchObject({ code: "permission_denied" });
  });

  test("are listed by every filter, with those that follow from roles on the organisation", async () => {
    const { groups, runnerId } = world;
    const list = async (filter: object, client = groups) =>
      (await client.listRoleAssignments({ filter })).assignments;
    const ofRunner = await list({ resourceIds: [runnerId] });
    const derived = ofRunner.filter((one) => one.derivedFromOrgRole !== undefined);
    expect(derived.map((one) => [one.derivedFromOrgRole, one.resourceRole]).sort()).toEqual([
      [ResourceRole.ORG_ADMIN, ResourceRole.RUNNER_ADMIN],
      [ResourceRole.ORG_RUNNERS_ADMIN, ResourceRole.RUNNER_ADMIN],
    ]);
    const stored = ofRunner.filter((one) => one.derivedFromOrgRole === undefined);
    expect(stored.map(({ groupId }) => groupId)).toEqual([world.runnerUsers, world.runnerAdmins]);
    const refused = groups.deleteRoleAssignment({ assignmentId: derived[0]?.id ?? "" });
    expect(await refusal(refused)).toMatchObject({
      code: "failed_precondition",
      reason: "ASSIGNMENT_IS_DERIVED",
    });
    const users = { resourceId: runnerId, resourceRoles: [ResourceRole.RUNNER_USER] };
    expect(await list(users)).toEqual(stored.slice(0, 1));
    expect(await list({ ...users, resourceTypes: [ResourceType.GROUP] })).toEqual([]);
    const ofUser = await list({ userId: kind("runner user").id, resourceIds: [runnerId] });
    expect(ofUser).toEqual(stored.slice(0, 1));
    expect(await list({ groupId: world.runnerAdmins, resourceIds: [runnerId] })).toEqual(stored.slice(1));

    const seen: string[] = [];
    let token = "";
    do {
      const pagination = { pageSize: 1, token };
      const page = await groups.listRoleAssignments({ pagination, filter: { resourceIds: [runnerId] } });
      expect(page.assignments).toHaveLength(1);
      seen.push(...page.assignments.map(({ id }) => id));
      token = page.pagination?.nextToken ?? "";
    } while (token !== "");
    expect(seen).toEqual(ofRunner.map(({ id }) => id));

    for (const name of ["runner user", "member", "runner admin"] as const) {
      expect(await list({ resourceIds: [runnerId] }, as(kind(name)))).toEqual(ofRunner);
    }
    expect(await list({ resourceIds: [runnerId] }, as(kind("other org admin")))).toEqual([]);
  });

  test("are seen by every member; by others where they share in them or administer what they are on", async () => {
    const { groups, runnerId } = world;
    const robot = await world.newServiceAccount("no member");
    const subject = { id: robot.id, principal: Principal.SERVICE_ACCOUNT };
    await groups.createMembership({ groupId: world.runnerUsers, subject });
    const seen = async (who: Actor) =>
      (await as(who).listRoleAssignments({ filter: { resourceId: runnerId } })).assignments.map(
        ({ groupId }) => groupId,
      );
    const all = await seen(kind("org admin"));
    expect(all.length).toBeGreaterThan(1);
    expect(await seen(kind("member"))).toEqual(all);
    expect(await seen(robot)).toEqual([world.runnerUsers]);
    const ofAdmins = { filter: { groupId: world.runnerAdmins } };
    const { assignments } = await as(kind("member")).listRoleAssignments(ofAdmins);
    const asked = { assignmentId: assignments[0]?.id ?? "" };
    const denied = { code: "permission_denied", reason: "ROLE_MISSING" };
    expect(await refusal(as(kind("member")).deleteRoleAssignment(asked))).toMatchObject(denied);
    expect(await refusal(as(robot).deleteRoleAssignment(asked))).toMatchObject({ code: "not_found" });
  });

  test("are asked for by one resource or by several, not by both", async () => {
    const { groups, runnerId: resourceId } = world;
    const both = groups.listRoleAssignments({ filter: { resourceId, resourceIds: [resourceId] } });
    expect(await refusal(both)).toMatchObject({
      code: "invalid_argument",
      fields: ["filter.resource_id"],
    });
  });
});

describe("sharing with one principal", () => {
  test("gives one role, replaces it, and takes it back without touching other grants", async () => {
    const somebody = await world.newUser("guest");
    const { id: runnerId } = await world.newRunner();
    const runners = server.client(RunnerService, { token: somebody.token });
    const owner = as(kind("runner admin"));
    await owner.shareResourceWithPrincipal(share(somebody, runnerId, ResourceRole.RUNNER_USER));
    expect((await runners.listRunners({})).runners.map((one) => one.runnerId)).toEqual([runnerId]);
    const denied = { code: "permission_denied", reason: "ROLE_MISSING" };
    expect(await refusal(runners.updateRunner({ runnerId, name: "mine" }))).toMatchObject(denied);
    for (let times = 0; times < 2; times++) {
      await owner.shareResourceWithPrincipal(share(somebody, runnerId, ResourceRole.RUNNER_ADMIN));
    }
    await runners.updateRunner({ runnerId, name: "mine" });
    const filter = { userId: somebody.id, resourceTypes: [ResourceType.RUNNER] };
    const { assignments } = await owner.listRoleAssignments({ filter });
    expect(assignments).toHaveLength(1);
    const groupId = assignments[0]?.groupId ?? "";
    const { group } = await owner.getGroup({ group: { case: "id", value: groupId } });
    expect(group).toMatchObject({ directShare: true, memberCount: 1 });

    await world.groups.createMembership({ groupId: world.runnerUsers, subject: user(somebody) });
    const { role: _, ...named } = share(somebody, runnerId, ResourceRole.RUNNER_ADMIN);
    for (let times = 0; times < 2; times++) await owner.unshareResourceWithPrincipal(named);
    expect(await refusal(runners.updateRunner({ runnerId, name: "again" }))).toMatchObject(denied);
    await runners.getRunner({ runnerId });
  });

  test("leaves nothing behind of a service account that is deleted", async () => {
    const { groups } = world;
    const robot = await world.newServiceAccount("shared with");
    const [account, other] = [await world.newServiceAccount("administered"), await world.newGroup()];
    const sharing = { ...onRunner(), principal: Principal.SERVICE_ACCOUNT, principalId: robot.id };
    await groups.shareResourceWithPrincipal({ ...sharing, role: ResourceRole.RUNNER_USER });
    const onAccount = { resourceType: ResourceType.SERVICE_ACCOUNT, resourceId: account.id };
    const resourceRole = ResourceRole.SERVICE_ACCOUNT_ADMIN;
    await groups.createRoleAssignment({ ...onAccount, groupId: other, resourceRole });
    const direct = async () =>
      (await groups.listGroups({ filter: { search: robot.id, directShare: true } })).groups.length;
    const granted = async (filter: object) =>
      (await groups.listRoleAssignments({ filter })).assignments.length;
    expect([await direct(), await granted({ userId: robot.id })]).toEqual([1, 1]);
    expect(await granted({ resourceId: account.id })).toBe(1);

    const accounts = server.client(ServiceAccountService);
    for (const { id: serviceAccountId } of [robot, account]) {
      await accounts.deleteServiceAccount({ serviceAccountId });
    }
    expect([await direct(), await granted({ userId: robot.id })]).toEqual([0, 0]);
    expect(await granted({ resourceId: account.id })).toBe(0);
  });

  test("takes principals of the organisation, and a group that only the server changes", async () => {
    const { groups, runnerId } = world;
    const stranger = share(kind("other org admin"), runnerId, ResourceRole.RUNNER_USER);
    expect(await refusal(groups.shareResourceWithPrincipal(stranger))).toMatchObject({
      code: "not_found",
      reason: "PRINCIPAL_NOT_FOUND",
    });
    const somebody = await world.newUser("direct");
    await groups.shareResourceWithPrincipal(share(somebody, runnerId, ResourceRole.RUNNER_USER));
    const filter = { userId: somebody.id, resourceTypes: [ResourceType.RUNNER] };
    const groupId = (await groups.listRoleAssignments({ filter })).assignments[0]?.groupId ?? "";
    const subject = user(kind("member"));
    const { member } = await groups.getMembership({ groupId, subject: user(somebody) });
    for (const refused of await refusals([
      groups.createMembership({ groupId, subject }),
      groups.deleteMembership({ membershipId: member?.id ?? "" }),
      groups.updateGroup({ groupId, name: "renamed" }),
      groups.deleteGroup({ groupId }),
      groups.createRoleAssignment({ groupId, ...onOrganization(), resourceRole: ResourceRole.ORG_ADMIN }),
    ])) {
      expect(refused).toMatchObject({
        code: "failed_precondition",
        reason: "GROUP_IS_DIRECT_SHARE",
      });
    }
  });
});
