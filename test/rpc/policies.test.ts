import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EventService, ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { RunnerKind, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerRole, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { type Actor, actor, type Kind, makeWorld, type World } from "../access/world.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer();
  world = await makeWorld(server);
});
afterAll(() => server.close());

const kind = (name: Exclude<Kind, "nobody">) => actor(world, name);
const runnersAs = (who: Actor) => server.client(RunnerService, { token: who.token });
const { RUNNER_ADMIN, RUNNER_USER } = ResourceRole;

describe("runner policies", () => {
  test("are the role assignments on the runner, seen from the runner", async () => {
    const { id: runnerId } = await world.newRunner();
    const groupId = await world.newGroup();
    const { groups, runners } = world;
    const { policy } = await runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    expect(policy).toMatchObject({ groupId, role: RunnerRole.USER });
    const filter = { groupId, resourceTypes: [ResourceType.RUNNER] };
    const roles = async () =>
      (await groups.listRoleAssignments({ filter })).assignments.map((one) => [
        one.resourceId,
        one.resourceRole,
      ]);
    expect(await roles()).toEqual([[runnerId, RUNNER_USER]]);
    await runners.updateRunnerPolicy({ runnerId, groupId, role: RunnerRole.ADMIN });
    expect(await roles()).toEqual([[runnerId, RUNNER_ADMIN]]);
    const listed = async () => (await runners.listRunnerPolicies({ runnerId })).policies;
    expect((await listed()).map((one) => [one.groupId, one.role])).toEqual([
      [groupId, RunnerRole.ADMIN],
      [world.runnerUsers, RunnerRole.USER],
      [world.runnerAdmins, RunnerRole.ADMIN],
    ]);
    await runners.deleteRunnerPolicy({ runnerId, groupId });
    expect(await roles()).toEqual([]);
    const grant = { groupId, resourceType: ResourceType.RUNNER, resourceId: runnerId };
    await groups.createRoleAssignment({ ...grant, resourceRole: RUNNER_USER });
    expect((await listed())[0]).toMatchObject({ groupId, role: RunnerRole.USER });
  });

  test("are one for each runner and group, of a role that there is", async () => {
    const { runnerId, runners } = world;
    const groupId = await world.newGroup();
    await runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    for (const role of [RunnerRole.USER, RunnerRole.ADMIN]) {
      expect(await refusal(runners.createRunnerPolicy({ runnerId, groupId, role }))).toMatchObject({
        code: "already_exists",
        reason: "ROLE_ASSIGNMENT_EXISTS",
      });
    }
    for (const role of [RunnerRole.UNSPECIFIED, 7 as RunnerRole]) {
      const wrong = { code: "invalid_argument", fields: ["role"] };
      expect(await refusal(runners.createRunnerPolicy({ runnerId, groupId, role }))).toMatchObject(wrong);
      expect(await refusal(runners.updateRunnerPolicy({ runnerId, groupId, role }))).toMatchObject(wrong);
    }
    await runners.deleteRunnerPolicy({ runnerId, groupId });
    const gone = { code: "not_found", reason: "RUNNER_POLICY_NOT_FOUND" };
    expect(await refusal(runners.deleteRunnerPolicy({ runnerId, groupId }))).toMatchObject(gone);
    const update = runners.updateRunnerPolicy({ runnerId, groupId, role: RunnerRole.ADMIN });
    expect(await refusal(update)).toMatchObject(gone);
  });

  test("name groups of the same organisation that are there", async () => {
    const { runnerId, runners } = world;
    for (const groupId of [world.otherOrganizationGroup, newId()]) {
      const call = runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
      expect(await refusal(call)).toMatchObject({ code: "not_found", reason: "GROUP_NOT_FOUND" });
    }
    const absent = { runnerId: newId(), groupId: world.runnerUsers, role: RunnerRole.USER };
    expect(await refusal(runners.createRunnerPolicy(absent))).toMatchObject({ reason: "RUNNER_NOT_FOUND" });
  });

  test("share a runner with everybody in the organisation, by way of org-members", async () => {
    const { runner } = await runnersAs(kind("member")).createRunner({
      name: "for all",
      provider: RunnerProvider.GCP,
    });
    const [runnerId, groupId] = [runner?.runnerId ?? "", world.orgMembers];
    const everybody = { runnerId, groupId };
    const somebody = runnersAs(kind("runner user"));
    const hidden = { code: "not_found", reason: "RUNNER_NOT_FOUND" };
    expect(await refusal(somebody.getRunner({ runnerId }))).toMatchObject(hidden);

    await runnersAs(kind("member")).createRunnerPolicy({ ...everybody, role: RunnerRole.USER });
    for (const who of ["runner user", "groups admin", "group admin"] as const) {
      expect((await runnersAs(kind(who)).getRunner({ runnerId })).runner?.runnerId).toBe(runnerId);
    }
    const newcomer = await world.newUser("newcomer");
    await runnersAs(newcomer).getRunner({ runnerId });
    for (const who of ["service account", "other runner", "other org admin"] as const) {
      expect(await refusal(runnersAs(kind(who)).getRunner({ runnerId }))).toMatchObject(hidden);
    }
    const denied = { code: "permission_denied", reason: "ROLE_MISSING" };
    expect(await refusal(somebody.updateRunner({ runnerId, name: "mine" }))).toMatchObject(denied);

    await runnersAs(kind("member")).updateRunnerPolicy({ ...everybody, role: RunnerRole.ADMIN });
    await somebody.updateRunner({ runnerId, name: "ours" });
    await runnersAs(kind("member")).deleteRunnerPolicy(everybody);
    expect(await refusal(somebody.getRunner({ runnerId }))).toMatchObject(hidden);

    const grant = { groupId, resourceType: ResourceType.RUNNER, resourceId: runnerId };
    const { assignment } = await world.groups.createRoleAssignment({ ...grant, resourceRole: RUNNER_USER });
    await somebody.getRunner({ runnerId });
    await world.groups.deleteRoleAssignment({ assignmentId: assignment?.id ?? "" });
    expect(await refusal(somebody.getRunner({ runnerId }))).toMatchObject(hidden);
  });

  test("are listed page by page", async () => {
    const { id: runnerId } = await world.newRunner();
    const seen: string[] = [];
    let token = "";
    do {
      const page = await world.runners.listRunnerPolicies({ runnerId, pagination: { pageSize: 1, token } });
      seen.push(...page.policies.map(({ groupId }) => groupId));
      token = page.pagination?.nextToken ?? "";
    } while (token !== "");
    expect(seen).toEqual([world.runnerUsers, world.runnerAdmins]);
  });

  test("go with the group, and with the runner", async () => {
    const { groups, runners } = world;
    const { id: runnerId } = await world.newRunner();
    const somebody = await world.newUser("passing");
    const groupId = await world.newGroup(somebody);
    await runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.ADMIN });
    await runnersAs(somebody).getRunner({ runnerId });
    await groups.deleteGroup({ groupId });
    const { policies } = await runners.listRunnerPolicies({ runnerId });
    expect(policies.map((one) => one.groupId)).toEqual([world.runnerUsers, world.runnerAdmins]);
    expect(await refusal(runnersAs(somebody).getRunner({ runnerId }))).toMatchObject({ code: "not_found" });
    await runners.deleteRunner({ runnerId });
    const { assignments } = await groups.listRoleAssignments({ filter: { resourceId: runnerId } });
    expect(assignments).toEqual([]);
  });

  test("leave an audit entry and an event with the change", async () => {
    const { id: runnerId } = await world.newRunner();
    const groupId = await world.newGroup();
    await world.runners.createRunnerPolicy({ runnerId, groupId, role: RunnerRole.USER });
    await world.runners.updateRunnerPolicy({ runnerId, groupId, role: RunnerRole.ADMIN });
    await world.runners.deleteRunnerPolicy({ runnerId, groupId });
    const { entries } = await server.client(EventService).listAuditLogs({
      filter: { subjectTypes: [ResourceType.ROLE_ASSIGNMENT] },
      pagination: { pageSize: 3 },
    });
    expect(entries.map(({ action }) => action)).toEqual([
      "role_assignment.delete",
      "role_assignment.update",
      "role_assignment.create",
    ]);
    expect(new Set(entries.map(({ actorId }) => actorId))).toEqual(new Set([kind("org admin").id]));
  });
});

describe("lists of runners", () => {
  test("hold what the caller registered and what is shared with it, once and in order, page by page", async () => {
    const somebody = await world.newUser("lister");
    const [one, two] = [await world.newGroup(somebody), await world.newGroup(somebody)];
    const mine = runnersAs(somebody);
    const expected: string[] = [];
    for (let index = 0; index < 4; index++) {
      const { runner } = await mine.createRunner({ name: "own", provider: RunnerProvider.GCP });
      expected.unshift(runner?.runnerId ?? "");
      const { id: runnerId } = await world.newRunner();
      expected.unshift(runnerId);
      await world.runners.createRunnerPolicy({ runnerId, groupId: one, role: RunnerRole.USER });
      await world.runners.createRunnerPolicy({ runnerId, groupId: two, role: RunnerRole.ADMIN });
      await world.newRunner();
    }
    for (const pageSize of [1, 3, 100]) {
      const seen: string[] = [];
      let token = "";
      do {
        const page = await mine.listRunners({ pagination: { pageSize, token } });
        expect(page.runners.length).toBeGreaterThan(0);
        seen.push(...page.runners.map((runner) => runner.runnerId));
        token = page.pagination?.nextToken ?? "";
      } while (token !== "");
      expect(seen).toEqual(expected);
    }
    const own = await mine.listRunners({ filter: { creatorIds: [somebody.id] } });
    expect(own.runners.map(({ name }) => name)).toEqual(["own", "own", "own", "own"]);
    const { runners } = await mine.listRunners({ filter: { providers: [RunnerProvider.AWS_EC2] } });
    expect(runners.map(({ runnerId }) => runnerId)).toEqual(expected.filter((_, index) => index % 2 === 0));
  });

  test("show the server's own runner to admins alone", async () => {
    const filter = { kinds: [RunnerKind.LOCAL_CONFIGURATION] };
    expect((await world.runners.listRunners({ filter })).runners).toHaveLength(1);
    expect((await runnersAs(kind("member")).listRunners({ filter })).runners).toEqual([]);
  });

  test("are of what one registers: the creator is its admin, nobody else sees it", async () => {
    const member = kind("member");
    const { runner } = await runnersAs(member).createRunner({ name: "own", provider: RunnerProvider.GCP });
    const runnerId = runner?.runnerId ?? "";
    expect(await refusal(runnersAs(kind("runner user")).getRunner({ runnerId }))).toMatchObject({
      code: "not_found",
    });
    await runnersAs(member).createRunnerPolicy({
      runnerId,
      groupId: world.runnerUsers,
      role: RunnerRole.USER,
    });
    await runnersAs(kind("runner user")).getRunner({ runnerId });
    await runnersAs(member).createRunnerToken({ runnerId });
    await runnersAs(member).deleteRunner({ runnerId });
  });
});
