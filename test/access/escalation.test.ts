import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerRole, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { refusal, refusals } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type Actor, actor, type Kind, makeWorld, type World } from "./world.ts";

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer();
  world = await makeWorld(server);
});
afterAll(() => server.close());

const kind = (name: Exclude<Kind, "nobody">) => actor(world, name);
const groupsAs = (who: Actor) => server.client(GroupService, { token: who.token });
const runnersAs = (who: Actor) => server.client(RunnerService, { token: who.token });
const user = (who: Actor) => ({ id: who.id, principal: Principal.USER });
const denied = { code: "permission_denied", reason: "ROLE_MISSING" };
const { RUNNER_ADMIN, GROUP_ADMIN, ORG_ADMIN, ORG_RUNNERS_ADMIN } = ResourceRole;

describe("somebody who wants more than it has", () => {
  test("as user of a runner does not become its admin", async () => {
    const eve = kind("runner user");
    const { runnerId, runnerUsers, groupId } = world;
    const onRunner = { resourceType: ResourceType.RUNNER, resourceId: runnerId };
    const { assignments } = await groupsAs(eve).listRoleAssignments({ filter: { resourceId: runnerId } });
    const granted = assignments.filter(({ derivedFromOrgRole }) => derivedFromOrgRole === undefined);
    const assignmentId = granted[0]?.id ?? "";
    const principal = { principal: Principal.USER, principalId: eve.id };
    const role = RunnerRole.ADMIN;
    for (const refused of await refusals([
      runnersAs(eve).updateRunnerPolicy({ runnerId, groupId: runnerUsers, role }),
      runnersAs(eve).createRunnerPolicy({ runnerId, groupId, role }),
      runnersAs(eve).deleteRunnerPolicy({ runnerId, groupId: world.runnerAdmins }),
      groupsAs(eve).createRoleAssignment({ ...onRunner, groupId: runnerUsers, resourceRole: RUNNER_ADMIN }),
      groupsAs(eve).shareResourceWithPrincipal({ ...onRunner, ...principal, role: RUNNER_ADMIN }),
      groupsAs(eve).unshareResourceWithPrincipal({ ...onRunner, ...principal }),
      groupsAs(eve).deleteRoleAssignment({ assignmentId }),
      groupsAs(eve).createMembership({ groupId: world.runnerAdmins, subject: user(eve) }),
    ])) {
      expect(refused).toMatchObject(denied);
    }
  });

  test("as admin of a group does not get into org-admins, nor into any group with power over the organisation", async () => {
    const powerful = await world.newSharedGroup();
    const resource = { resourceType: ResourceType.ORGANIZATION, resourceId: world.organizationId };
    await world.groups.createRoleAssignment({
      groupId: powerful,
      ...resource,
      resourceRole: ORG_RUNNERS_ADMIN,
    });
    for (const eve of [kind("group admin"), kind("groups admin"), kind("runners admin"), kind("member")]) {
      for (const groupId of [world.orgAdmins, world.orgMembers, powerful]) {
        const call = groupsAs(eve).createMembership({ groupId, subject: user(eve) });
        expect(await refusal(call)).toMatchObject(denied);
        const admin = { groupId: world.orgAdmins, subject: user(kind("org admin")) };
        const { member } = await world.groups.getMembership(admin);
        const remove = groupsAs(eve).deleteMembership({ membershipId: member?.id ?? "" });
        expect(await refusal(remove)).toMatchObject(denied);
      }
      for (const resourceRole of [ORG_ADMIN, ORG_RUNNERS_ADMIN]) {
        const grant = { groupId: world.groupId, ...resource, resourceRole };
        expect(await refusal(groupsAs(eve).createRoleAssignment(grant))).toMatchObject(denied);
      }
      expect(await refusal(groupsAs(eve).deleteGroup({ groupId: powerful }))).toMatchObject(denied);
    }
  });

  test("as admin of one group does not become admin of another", async () => {
    const eve = kind("group admin");
    const grant = {
      groupId: world.groupId,
      resourceType: ResourceType.GROUP,
      resourceId: world.runnerAdmins,
      resourceRole: GROUP_ADMIN,
    };
    expect(await refusal(groupsAs(eve).createRoleAssignment(grant))).toMatchObject(denied);
  });

  test("through a circle of groups gets nothing that nobody granted", async () => {
    const eve = await world.newUser("circle");
    const [first, second] = [await world.newGroup(eve), await world.newGroup()];
    for (const [groupId, resourceId] of [
      [first, second],
      [second, first],
      [second, second],
    ]) {
      const resource = { resourceType: ResourceType.GROUP, resourceId: resourceId ?? "" };
      const grant = { groupId: groupId ?? "", ...resource, resourceRole: GROUP_ADMIN };
      await world.groups.createRoleAssignment(grant);
    }
    const rename = groupsAs(eve).updateGroup({ groupId: first, name: "mine" });
    expect(await refusal(rename)).toMatchObject(denied);
    await groupsAs(eve).createMembership({ groupId: second, subject: user(eve) });
    await groupsAs(eve).updateGroup({ groupId: first, name: "now by right" });
    for (const groupId of [first, second]) {
      expect(await refusal(groupsAs(eve).deleteGroup({ groupId }))).toMatchObject(denied);
    }
  });

  test("from another organisation finds nothing", async () => {
    const eve = kind("other org admin");
    const { runnerId, groupId } = world;
    const hidden = { code: "not_found" };
    const theirs = world.otherOrganizationGroup;
    for (const refused of await refusals([
      runnersAs(eve).createRunnerPolicy({ runnerId, groupId: theirs, role: RunnerRole.ADMIN }),
      runnersAs(eve).listRunnerPolicies({ runnerId }),
      groupsAs(eve).createMembership({ groupId, subject: user(eve) }),
      groupsAs(eve).listMemberships({ groupId }),
      groupsAs(eve).createRoleAssignment({
        groupId: theirs,
        resourceType: ResourceType.RUNNER,
        resourceId: runnerId,
        resourceRole: RUNNER_ADMIN,
      }),
      groupsAs(eve).createRoleAssignment({
        groupId: theirs,
        resourceType: ResourceType.ORGANIZATION,
        resourceId: world.organizationId,
        resourceRole: ORG_ADMIN,
      }),
    ])) {
      expect(refused).toMatchObject(hidden);
    }
  });

  test("with a runner's token reaches no group, and cannot share itself", async () => {
    const runner = kind("runner itself");
    const { runnerId } = world;
    const refused = { code: "permission_denied", reason: "RUNNER_TOKEN" };
    expect(await refusal(groupsAs(runner).listGroups({}))).toMatchObject(refused);
    expect(await refusal(runnersAs(runner).listRunnerPolicies({ runnerId }))).toMatchObject(refused);
    const grant = { runnerId, groupId: world.runnerUsers, role: RunnerRole.ADMIN };
    expect(await refusal(runnersAs(runner).updateRunnerPolicy(grant))).toMatchObject(refused);
  });
});
