import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ResourceOperation, ResourceType } from "../../gen/gitpod/v1/event_pb.js";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { UserService, UserStatus } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { check } from "../../src/store/sqlite/files/check.ts";
import { newOrganization, newUser, operator, type Someone } from "../support/people.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { openWatch } from "./events/fixture.ts";

let server: TestServer;
let member: Someone;
beforeEach(async () => {
  server = await startTestServer();
  member = await newUser(server);
});
afterEach(() => server.close());

const users = (who?: Pick<Someone, "token">) =>
  server.client(UserService, who === undefined ? {} : { token: who.token });
const admin = () => server.client(AdminService);
const statusOf = async ({ id: userId }: Pick<Someone, "id">) =>
  (await users().getUser({ userId })).user?.status;

test("a suspended user is barred until an admin resumes it", async () => {
  const { id: userId } = member;
  for (let times = 0; times < 2; times++) {
    await users().setSuspended({ userId: userId.toUpperCase(), suspended: true });
    expect(await statusOf(member)).toBe(UserStatus.SUSPENDED);
    expect(await refusal(users(member).getAuthenticatedUser({}))).toMatchObject({
      code: "unauthenticated",
      reason: "USER_SUSPENDED",
    });
  }
  await users().setSuspended({ userId });
  expect((await users(member).getAuthenticatedUser({})).user?.status).toBe(UserStatus.ACTIVE);
});

describe("a deleted user", () => {
  test("has left: its tokens have ended, records still name it, and its address is free", async () => {
    const { id: userId } = member;
    const email = (await users().getUser({ userId })).user?.email ?? "";
    await users().deleteUser({ userId });
    expect(await statusOf(member)).toBe(UserStatus.LEFT);
    expect(await refusal(users(member).getAuthenticatedUser({}))).toMatchObject({
      code: "unauthenticated",
      reason: "USER_LEFT",
    });
    const { user } = await admin().createUser({ name: "successor", email });
    expect(user?.id).not.toBe(userId);
  });

  test("is there for nothing but reading", async () => {
    const { id: userId } = member;
    const groups = server.client(GroupService);
    const { organizationId } = member;
    const { group } = await groups.createGroup({ organizationId, name: "team" });
    const groupId = group?.id ?? "";
    const subject = { id: userId, principal: Principal.USER };
    await groups.createMembership({ groupId, subject });
    await users().deleteUser({ userId });
    expect(
      (await groups.listMemberships({ groupId })).members.map(({ subject: is }) => is?.id),
    ).not.toContain(userId);
    for (const call of [
      users().deleteUser({ userId }),
      users().setSuspended({ userId, suspended: true }),
      users().setSuspended({ userId }),
      admin().resumeUser({ userId }),
      admin().createUserToken({ userId }),
      groups.createMembership({ groupId, subject }),
    ]) {
      expect(await refusal(call)).toMatchObject({ code: "not_found" });
    }
  });

  test("is no disagreement between the state and the audit log", async () => {
    await users().deleteUser({ userId: member.id });
    expect(check(join(server.config.dataDir, "rollcall.db")).problems).toEqual([]);
  });

  test("is told of to those who could see it", async () => {
    const watch = openWatch(server, { token: (await newUser(server)).token });
    await watch.opened;
    await users().setSuspended({ userId: member.id, suspended: true });
    await users().deleteUser({ userId: member.id });
    await watch.count(2);
    const about = (operation: ResourceOperation) =>
      `${ResourceOperation[operation]} ${ResourceType[ResourceType.USER]} ${member.id}`;
    expect(watch.got.slice(0, 2)).toEqual([about(ResourceOperation.UPDATE), about(ResourceOperation.DELETE)]);
    await watch.leave();
  });
});

describe("one active admin stays", () => {
  test("whichever way the last one is to go", async () => {
    const { id: userId } = await operator(server);
    const last = { code: "failed_precondition", reason: "LAST_ADMIN" };
    expect(await refusal(users().setSuspended({ userId, suspended: true }))).toMatchObject(last);
    expect(await refusal(users().deleteUser({ userId }))).toMatchObject(last);
    const second = await newUser(server, { admin: true });
    await users(second).setSuspended({ userId, suspended: true });
    expect(await refusal(users(second).deleteUser({ userId: second.id }))).toMatchObject(last);
    // Suspended, and no more the one who counts.
    await users(second).deleteUser({ userId });
    expect((await users(second).getUser({ userId })).user?.status).toBe(UserStatus.LEFT);
  });

  test("when two of them remove each other at once", async () => {
    const first = await newOrganization(server);
    const second = await newUser(server, { organizationId: first.organizationId, admin: true });
    const ends = await Promise.allSettled([
      users(first).deleteUser({ userId: second.id }),
      users(second).deleteUser({ userId: first.id }),
    ]);
    expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

test("users of another organisation are not there", async () => {
  const stranger = await newOrganization(server);
  for (const userId of [member.id, newId()]) {
    for (const call of [
      users(stranger).setSuspended({ userId, suspended: true }),
      users(stranger).deleteUser({ userId }),
    ]) {
      expect(await refusal(call)).toMatchObject({ code: "not_found", reason: "USER_NOT_FOUND" });
    }
  }
  for (const userId of ["", "me"]) {
    expect(await refusal(users().deleteUser({ userId }))).toMatchObject({ fields: ["user_id"] });
    expect(await refusal(users().setSuspended({ userId }))).toMatchObject({ fields: ["user_id"] });
  }
});
