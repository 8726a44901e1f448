import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CountResponseRelation } from "../../gen/gitpod/v1/count_pb.js";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { LoginProviderKind } from "../../gen/gitpod/v1/login_provider_pb.js";
import {
  ListMembersRequest_SortField as Field,
  OrganizationRole,
  OrganizationService,
  OrganizationTier,
} from "../../gen/gitpod/v1/organization_pb.js";
import { SortOrder } from "../../gen/gitpod/v1/pagination_pb.js";
import { UserService, UserStatus } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { newOrganization, newServiceAccount, newUser, type Someone } from "../support/people.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let boss: Someone;
/** By name: those that a list of the organisation shows beside its first admin, in the order in which they joined. */
const ids = new Map<string, string>();
const joined = ["Zoë", "adam", "Bob", "bob", "Åsa", "suspended", "left"] as const;

beforeAll(async () => {
  server = await startTestServer();
  boss = await newOrganization(server);
  const admin = server.client(AdminService);
  for (const [at, name] of joined.entries()) {
    server.clock.advance(1000);
    const { user } = await admin.createUser({
      organizationId: boss.organizationId,
      name,
      email: `Mail.${at}@example.com`,
    });
    ids.set(name, user?.id ?? "");
  }
  const users = server.client(UserService, boss);
  await users.setSuspended({ userId: idOf("suspended"), suspended: true });
  await users.deleteUser({ userId: idOf("left") });
});
afterAll(() => server.close());

const idOf = (name: string) => ids.get(name) ?? "";
const organizations = (who: Pick<Someone, "token">) =>
  server.client(OrganizationService, { token: who.token });
type Request = Parameters<ReturnType<typeof organizations>["listMembers"]>[0];

async function names(request: Request): Promise<string[]> {
  const { organizationId } = boss;
  const { members } = await organizations(boss).listMembers({ organizationId, ...request });
  return members.map(({ fullName }) => fullName);
}

describe("members are listed", () => {
  test("with what an organisation knows of them, those who joined last first", async () => {
    const { members, pagination, count } = await organizations(boss).listMembers({
      organizationId: boss.organizationId.toUpperCase(),
    });
    expect(members.map(({ fullName }) => fullName)).toEqual([
      "suspended",
      "Åsa",
      "bob",
      "Bob",
      "adam",
      "Zoë",
      "their admin",
    ]);
    expect(members[0]).toMatchObject({
      userId: idOf("suspended"),
      role: OrganizationRole.MEMBER,
      email: "Mail.5@example.com",
      status: UserStatus.SUSPENDED,
      loginProvider: "Personal access token",
    });
    expect(members.at(-1)).toMatchObject({ userId: boss.id, role: OrganizationRole.ADMIN });
    expect(pagination?.nextToken).toBe("");
    expect(count).toBeUndefined();
  });

  test.each([
    ["search", { search: "BO" }, ["bob", "Bob"]],
    ["search in other letters", { search: "åSA" }, ["Åsa"]],
    ["part of an address", { search: "mail.0" }, ["Zoë"]],
    ["a whole address, in any case", { email: "mail.1@EXAMPLE.com" }, ["adam"]],
    ["part of an address as a whole one", { email: "mail.1" }, []],
    ["status", { statuses: [UserStatus.SUSPENDED] }, ["suspended"]],
    ["those who left", { statuses: [UserStatus.LEFT] }, ["left"]],
    ["alternatives", { statuses: [UserStatus.LEFT, UserStatus.SUSPENDED] }, ["left", "suspended"]],
    ["role", { roles: [OrganizationRole.ADMIN] }, ["their admin"]],
    ["all fields", { search: "bo", roles: [OrganizationRole.ADMIN] }, []],
    [
      "the others' role",
      { search: "a", roles: [OrganizationRole.MEMBER], email: "mail.1@example.com" },
      ["adam"],
    ],
    ["unspecified values", { search: "adam", statuses: [0], roles: [0] }, ["adam"]],
    ["a login that there is not", { loginProvider: LoginProviderKind.GITHUB }, []],
    ["teams, of which there are none", { search: "zoë", excludeMembersInAnyTeam: true }, ["Zoë"]],
  ] as const)("filtered by %s", async (_what, filter, expected) => {
    expect(await names({ filter: { ...filter } as Request["filter"] & object })).toEqual(expected);
  });

  test("filtered by id and by groups that they are not in", async () => {
    const userIds = [idOf("adam").toUpperCase(), idOf("Bob"), newId()];
    expect(await names({ filter: { userIds } })).toEqual(["Bob", "adam"]);
    const groups = server.client(GroupService, { token: boss.token });
    const { group } = await groups.createGroup({ organizationId: boss.organizationId, name: "out" });
    const groupId = group?.id ?? "";
    await groups.createMembership({ groupId, subject: { id: idOf("adam"), principal: Principal.USER } });
    expect(await names({ filter: { userIds, excludeGroupIds: [groupId] } })).toEqual(["Bob"]);
  });

  const orders = [
    [Field.UNSPECIFIED, SortOrder.UNSPECIFIED],
    [Field.UNSPECIFIED, SortOrder.ASC],
    [Field.DATE_JOINED, SortOrder.ASC],
    [Field.DATE_JOINED, SortOrder.DESC],
    [Field.NAME, SortOrder.UNSPECIFIED],
    [Field.NAME, SortOrder.ASC],
    [Field.NAME, SortOrder.DESC],
  ] as const;
  test.each(orders)("page by page as at once, sorted by %d in order %d", async (field, order) => {
    const sort = { field, order };
    const whole = await names({ sort });
    const paged: string[] = [];
    let token = "";
    do {
      const page = await organizations(boss).listMembers({
        organizationId: boss.organizationId,
        sort,
        pagination: { pageSize: 2, token },
      });
      paged.push(...page.members.map(({ fullName }) => fullName));
      token = page.pagination?.nextToken ?? "";
    } while (token !== "");
    expect(paged).toEqual(whole);
    expect(whole).toHaveLength(7);
    const byName = ["adam", "Bob", "bob", "suspended", "their admin", "Zoë", "Åsa"];
    const byDate = ["their admin", "Zoë", "adam", "Bob", "bob", "Åsa", "suspended"];
    const expected = field === Field.NAME ? byName : byDate;
    const descends = order === SortOrder.DESC || (order === SortOrder.UNSPECIFIED && field !== Field.NAME);
    expect(whole).toEqual(descends ? expected.toReversed() : expected);
  });

  test("and counted over all pages when that is asked for", async () => {
    const { count, members } = await organizations(boss).listMembers({
      organizationId: boss.organizationId,
      count: { include: true },
      filter: { statuses: [UserStatus.ACTIVE] },
      pagination: { pageSize: 2 },
    });
    expect(members).toHaveLength(2);
    expect(count).toMatchObject({ value: 6, relation: CountResponseRelation.EQ });
  });

  test("with a page token for that very list alone", async () => {
    const first = { organizationId: boss.organizationId, pagination: { pageSize: 1 } };
    const { pagination } = await organizations(boss).listMembers(first);
    const token = pagination?.nextToken ?? "";
    for (const other of [{ sort: { field: Field.NAME } }, { filter: { search: "a" } }]) {
      const call = organizations(boss).listMembers({ ...first, ...other, pagination: { token } });
      expect(await refusal(call)).toMatchObject({ code: "invalid_argument", fields: ["pagination.token"] });
    }
  });
});

describe("an organisation", () => {
  test("is read by those who belong to it, and there is none for others", async () => {
    const { organizationId } = boss;
    const { organization } = await organizations(boss).getOrganization({ organizationId });
    expect(organization).toMatchObject({
      id: organizationId,
      name: "another",
      tier: OrganizationTier.ENTERPRISE,
    });
    expect(organization?.updatedAt).toEqual(organization?.createdAt);
    const stranger = await newUser(server);
    for (const call of [
      organizations(stranger).getOrganization({ organizationId }),
      organizations(stranger).listMembers({ organizationId }),
      organizations(boss).listMembers({ organizationId: newId() }),
    ]) {
      expect(await refusal(call)).toMatchObject({ code: "not_found", reason: "ORGANIZATION_NOT_FOUND" });
    }
  });

  test("does not show its members to a program that is none", async () => {
    const program = await newServiceAccount(server, "ci");
    const { organizationId } = program;
    const asked = { organizationId, count: { include: true } };
    expect(await organizations(program).listMembers(asked)).toMatchObject({
      members: [],
      count: { value: 0 },
    });
  });

  test.each([
    [{ organizationId: "acme" }, "organization_id"],
    [{ filter: { search: "a".repeat(257) } }, "filter.search"],
    [{ filter: { userIds: Array.from({ length: 26 }, newId) } }, "filter.user_ids"],
    [{ filter: { excludeGroupIds: ["out"] } }, "filter.exclude_group_ids"],
    [{ filter: { email: "a".repeat(321) } }, "filter.email"],
    [{ filter: { loginProvider: 9 } }, "filter.login_provider"],
    [{ pagination: { pageSize: 101 } }, "pagination.page_size"],
  ] as const)("refuses a request that breaks a rule: %#", async (wrong, field) => {
    const request = { organizationId: boss.organizationId, ...wrong } as Request;
    expect(await refusal(organizations(boss).listMembers(request))).toMatchObject({
      code: "invalid_argument",
      fields: [field],
    });
  });
});
