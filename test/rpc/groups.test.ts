import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService, ResourceRole } from "../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
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
const onRunner = (resourceId = world.runnerId) => ({ resourceType: ResourceType.RUNNER, resourceId });

describe("groups", () => {
  test("are made, read by id and name, changed and deleted", async () => {
    const { organizationId, groups } = world;
    const { group } = await groups.createGroup({ organizationId, name: "Plattform", description: "all" });
    expect(group).toMatchObject({ organizationId, name: "Plattform", description: "all", memberCount: 0 });
    expect(group).toMatchObject({ systemManaged: false, directShare: false });
    const id = group?.id ?? "";
    for (const named of [
      { group: { case: "id", value: id.toUpperCase() } },
      { group: { case: "name", value: "Plattform" } },
      { groupId: id },
    ] as const) {
      expect((await groups.getGroup(named)).group).toEqual(group);
    }
    server.clock.advance(1000);
    const { group: changed } = await groups.updateGroup({ groupId: id, name: "Platform" });
    expect(changed).toMatchObject({ id, name: "Platform", description: "" });
    expect(changed?.updatedAt).not.toEqual(group?.updatedAt);
    expect(changed?.createdAt).toEqual(group?.createdAt);
    await groups.deleteGroup({ groupId: id });
    const gone = { code: "not_found", reason: "GROUP_NOT_FOUND" };
    expect(await refusal(groups.getGroup({ group: { case: "id", value: id } }))).toMatchObject(gone);
    expect(await refusal(groups.deleteGroup({ groupId: id }))).toMatchObject(gone);
  });

  test("have a name of their own, and none that the server uses", async () => {
    const { organizationId, groups } = world;
    const first = await groups.createGroup({ organizationId, name: "unique" });
    const taken = { code: "already_exists", reason: "GROUP_NAME_TAKEN" };
    expect(await refusal(groups.createGroup({ organizationId, name: "unique" }))).toMatchObject(taken);
    const second = await groups.createGroup({ organizationId, name: "another" });
    const groupId = second.group?.id ?? "";
    expect(await refusal(groups.updateGroup({ groupId, name: "unique" }))).toMatchObject(taken);
    const own = await groups.updateGroup({ groupId: first.group?.id ?? "", name: "unique" });
    expect(own.group?.name).toBe("unique");
    const reserved = { organizationId, name: `Direct-Share:${newId()}` };
    expect(await refusal(groups.createGroup(reserved))).toMatchObject({
      code: "invalid_argument",
      fields: ["name"],
    });
  });

  test("are made in the caller's organisation alone, and asked for by id or name", async () => {
    const { otherOrganizationId, groups, otherOrganizationGroup } = world;
    const elsewhere = groups.createGroup({ organizationId: otherOrganizationId, name: "intruders" });
    expect(await refusal(elsewhere)).toMatchObject({ code: "not_found" });
    expect(await refusal(groups.getGroup({}))).toMatchObject({ code: "invalid_argument" });
    const theirs = groups.getGroup({ group: { case: "id", value: otherOrganizationGroup } });
    expect(await refusal(theirs)).toMatchObject({ code: "not_found" });
  });

  test("are listed newest first, page by page, by every filter", async () => {
    const { organizationId, groups } = world;
    const made: string[] = [];
    for (const name of ["Ährenfeld a", "ährenfeld b", "ÄHRENFELD c", "100%_d"]) {
      made.unshift((await groups.createGroup({ organizationId, name })).group?.id ?? "");
    }
    const ids = async (filter: object) => (await groups.listGroups({ filter })).groups.map(({ id }) => id);
    const described = { groupId: made[0] ?? "", name: "100%_d", description: "Für Ämter" };
    await groups.updateGroup(described);
    expect(await ids({ search: "für äMTER" })).toEqual([made[0]]);
    expect(await ids({ search: made[1]?.slice(9).toUpperCase() })).toEqual([made[1]]);
    expect(await ids({ search: "ähren" })).toEqual(made.slice(1));
    expect(await ids({ search: "0%_" })).toEqual([made[0]]);
    expect(await ids({ groupIds: [made[2], made[0], newId()] })).toEqual([made[0], made[2]]);
    expect(await ids({ systemManaged: true })).toEqual([world.orgAdmins, world.orgMembers]);
    const direct = (await groups.listGroups({ filter: { directShare: true } })).groups;
    expect(direct.every((group) => group.directShare && group.memberCount === 1)).toBe(true);
    expect(direct.length).toBeGreaterThan(0);
    const shown = async (filter: object) =>
      (await groups.listGroups({ filter, pagination: { pageSize: 100 } })).groups;
    const others = await shown({});
    expect(others.map(({ directShare }) => directShare)).toEqual(others.map(() => false));
    expect(await shown({ directShare: false })).toEqual(others);
    expect(await ids({ groupIds: direct.map(({ id }) => id) })).toEqual([]);
    const both = { directShare: false, systemManaged: false, search: "ähren" };
    expect(await ids(both)).toEqual(made.slice(1));
    const excludeAssignedToResource = onRunner();
    const offered = await ids({ excludeAssignedToResource });
    expect(offered).not.toContain(world.runnerAdmins);
    expect(offered).toContain(made[0]);

    const seen: string[] = [];
    let token = "";
    do {
      const page = await groups.listGroups({
        pagination: { pageSize: 2, token },
        filter: { search: "ähren" },
      });
      seen.push(...page.groups.map(({ id }) => id));
      token = page.pagination?.nextToken ?? "";
    } while (token !== "");
    expect(seen).toEqual(made.slice(1));
    const { pagination } = await groups.listGroups({ pagination: { pageSize: 1 } });
    const borrowed = { pagination: { token: pagination?.nextToken ?? "" }, filter: { search: "x" } };
    expect(await refusal(groups.listGroups(borrowed))).toMatchObject({ code: "invalid_argument" });
  });

  test("are seen by who belongs to them or is shown them, when nobody made it a member", async () => {
    const account = kind("service account");
    const bot = as(account);
    expect((await bot.listGroups({})).groups).toEqual([]);
    const groupId = await world.newGroup();
    const shown = await world.newGroup();
    const subject = { id: account.id, principal: Principal.SERVICE_ACCOUNT };
    await world.groups.createMembership({ groupId, subject });
    await world.groups.createRoleAssignment({
      groupId,
      resourceType: ResourceType.GROUP,
      resourceId: shown,
      resourceRole: ResourceRole.GROUP_VIEWER,
    });
    expect((await bot.listGroups({})).groups.map(({ id }) => id)).toEqual([shown, groupId]);
    expect((await bot.listMemberships({ groupId: shown })).members).toEqual([]);
    const change = bot.updateGroup({ groupId: shown, name: "mine now" });
    expect(await refusal(change)).toMatchObject({ code: "permission_denied", reason: "ROLE_MISSING" });
    await world.groups.deleteGroup({ groupId });
    expect((await bot.listGroups({})).groups).toEqual([]);
  });
});

describe("members", () => {
  test("come, are found, listed with their names, and go", async () => {
    const { groups } = world;
    const [anna, bert] = [await world.newUser("Anna Ö"), await world.newUser("Bert")];
    const account = await world.newServiceAccount("robot");
    const groupId = await world.newGroup(anna, bert);
    const subject = { id: account.id, principal: Principal.SERVICE_ACCOUNT };
    const { member } = await groups.createMembership({ groupId, subject });
    expect(member).toMatchObject({ groupId, subject, name: "robot", avatarUrl: "" });
    expect((await groups.getMembership({ groupId, subject })).member).toEqual(member);
    const named = (await groups.listMemberships({ groupId, filter: { search: "ANNA ö" } })).members;
    expect(named.map(({ name }) => name)).toEqual(["Anna Ö"]);
    const described = { serviceAccountId: account.id, description: "Für Ämter" };
    await server.client(ServiceAccountService).updateServiceAccount(described);
    const { user: found } = await server.client(UserService).getUser({ userId: bert.id });
    for (const [search, name] of [
      ["für äMTER", "robot"],
      [account.id.slice(9).toUpperCase(), "robot"],
      [bert.id, "Bert"],
      [found?.email.toUpperCase() ?? "no email", "Bert"],
    ] as const) {
      const { members } = await groups.listMemberships({ groupId, filter: { search } });
      expect(members.map((one) => one.name)).toEqual([name]);
    }
    const first = await groups.listMemberships({ groupId, pagination: { pageSize: 2 } });
    expect(first.members.map(({ name }) => name)).toEqual(["robot", "Bert"]);
    const token = first.pagination?.nextToken ?? "";
    const second = await groups.listMemberships({ groupId, pagination: { pageSize: 2, token } });
    expect(second.members.map(({ name }) => name)).toEqual(["Anna Ö"]);
    expect(second.pagination?.nextToken).toBe("");
    expect((await groups.getGroup({ group: { case: "id", value: groupId } })).group?.memberCount).toBe(3);

    const again = groups.createMembership({ groupId, subject });
    expect(await refusal(again)).toMatchObject({ code: "already_exists", reason: "ALREADY_A_MEMBER" });
    const membershipId = member?.id ?? "";
    await groups.deleteMembership({ membershipId });
    const gone = { code: "not_found", reason: "MEMBERSHIP_NOT_FOUND" };
    expect(await refusal(groups.deleteMembership({ membershipId }))).toMatchObject(gone);
    expect((await groups.getMembership({ groupId, subject })).member).toBeUndefined();
    const unknown = { id: newId(), principal: Principal.USER };
    expect((await groups.getMembership({ groupId, subject: unknown })).member).toBeUndefined();
    const nowhere = { groupId: newId(), subject };
    expect(await refusal(groups.getMembership(nowhere))).toMatchObject({ reason: "GROUP_NOT_FOUND" });
  });

  test("are users and service accounts of the organisation: nobody else's, no runner and no group", async () => {
    const groupId = await world.newGroup();
    const strangers = [
      user(kind("other org admin")),
      { id: newId(), principal: Principal.USER },
      { id: kind("member").id, principal: Principal.SERVICE_ACCOUNT },
      { id: world.runnerId, principal: Principal.RUNNER },
      { id: world.groupId, principal: Principal.ACCOUNT },
    ];
    for (const subject of strangers) {
      const call = world.groups.createMembership({ groupId, subject });
      expect(await refusal(call)).toMatchObject({ code: "not_found", reason: "PRINCIPAL_NOT_FOUND" });
    }
    for (const subject of [undefined, { id: "", principal: Principal.USER }]) {
      const call = world.groups.createMembership({ groupId, ...(subject && { subject }) });
      expect(await refusal(call)).toMatchObject({ code: "invalid_argument", fields: ["subject"] });
    }
  });

  test("gain and lose what the group holds with the very next call", async () => {
    const somebody = await world.newUser("newcomer");
    const runners = server.client(RunnerService, { token: somebody.token });
    const { runnerId } = world;
    expect(await refusal(runners.getRunner({ runnerId }))).toMatchObject({ code: "not_found" });
    const subject = user(somebody);
    const { member } = await world.groups.createMembership({ groupId: world.runnerUsers, subject });
    expect((await runners.getRunner({ runnerId })).runner?.runnerId).toBe(runnerId);
    await world.groups.deleteMembership({ membershipId: member?.id ?? "" });
    expect(await refusal(runners.getRunner({ runnerId }))).toMatchObject({ code: "not_found" });
  });
});

describe("the system's groups", () => {
  test("cannot be changed or deleted, nor get or lose a role on the organisation", async () => {
    const refused = { code: "failed_precondition", reason: "GROUP_IS_SYSTEM_MANAGED" };
    const { groups } = world;
    for (const groupId of [world.orgAdmins, world.orgMembers]) {
      const { assignments } = await groups.listRoleAssignments({ filter: { groupId } });
      expect(assignments).toHaveLength(1);
      const assignmentId = assignments[0]?.id ?? "";
      const onOrganization = { resourceType: ResourceType.ORGANIZATION, resourceId: world.organizationId };
      const resourceRole = ResourceRole.ORG_RUNNERS_ADMIN;
      for (const answer of await refusals([
        groups.updateGroup({ groupId, name: "renamed" }),
        groups.deleteGroup({ groupId }),
        groups.createRoleAssignment({ groupId, ...onOrganization, resourceRole }),
        groups.deleteRoleAssignment({ assignmentId }),
        groups.shareResourceWithPrincipal({
          resourceType: ResourceType.GROUP,
          resourceId: groupId,
          principal: Principal.USER,
          principalId: kind("member").id,
          role: ResourceRole.GROUP_ADMIN,
        }),
      ])) {
        expect(answer).toMatchObject(refused);
      }
    }
  });

  test("keep the last admin, a person who may act", async () => {
    const { groups } = world;
    const [admin, account] = [kind("org admin"), await world.newServiceAccount("admin robot")];
    const groupId = world.orgAdmins;
    const robot = { id: account.id, principal: Principal.SERVICE_ACCOUNT };
    await groups.createMembership({ groupId, subject: robot });
    const mine = (await groups.getMembership({ groupId, subject: user(admin) })).member?.id ?? "";
    const last = { code: "failed_precondition", reason: "LAST_ADMIN" };
    expect(await refusal(groups.deleteMembership({ membershipId: mine }))).toMatchObject(last);
    const second = await world.newUser("second admin");
    const { member } = await groups.createMembership({ groupId, subject: user(second) });
    expect((await as(second).listGroups({})).groups.length).toBeGreaterThan(0);
    // Both at once: one of the two must stay.
    const both = await Promise.allSettled([
      groups.deleteMembership({ membershipId: mine }),
      groups.deleteMembership({ membershipId: member?.id ?? "" }),
    ]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await as(second).createMembership({ groupId, subject: user(admin) });
    await groups.deleteMembership({ membershipId: member?.id ?? "" });
  });
});
