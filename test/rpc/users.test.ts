import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { UserService, UserStatus } from "../../gen/gitpod/v1/user_pb.js";
import { newOrganization, newServiceAccount, newUser, operator, type Someone } from "../support/people.ts";
import { newId } from "../support/records.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const dayMs = 24 * 60 * 60 * 1000;

let server: TestServer;
let member: Someone;
beforeEach(async () => {
  server = await startTestServer();
  member = await newUser(server);
});
afterEach(() => server.close());

const users = (who?: Pick<Someone, "token">) =>
  server.client(UserService, who === undefined ? {} : { token: who.token });

describe("users", () => {
  test("see themselves and the others of their organisation", async () => {
    const { user } = await users(member).getAuthenticatedUser({});
    expect(user).toMatchObject({
      id: member.id,
      organizationId: member.organizationId,
      status: UserStatus.ACTIVE,
      email: expect.stringContaining("@example.com"),
    });
    const admin = await operator(server);
    expect((await users(member).getUser({ userId: admin.id.toUpperCase() })).user?.id).toBe(admin.id);
  });

  test("do not see those of another organisation, nor can they tell them from nobody", async () => {
    const stranger = await newOrganization(server);
    const hidden = await refusal(users(stranger).getUser({ userId: member.id }));
    const nobody = await refusal(users(stranger).getUser({ userId: newId() }));
    expect(hidden).toMatchObject({ code: "not_found", reason: "USER_NOT_FOUND", message: "user not found" });
    expect({ ...hidden, headers: null }).toEqual({ ...nobody, headers: null });
    expect(await refusal(users().getUser({ userId: "me" }))).toMatchObject({ code: "invalid_argument" });
  });

  test("are people: other callers are told so", async () => {
    const program = await newServiceAccount(server, "ci");
    expect(await refusal(users(program).getAuthenticatedUser({}))).toMatchObject({
      code: "permission_denied",
      reason: "NOT_A_USER",
    });
  });
});

describe("personal access tokens", () => {
  async function mint(who: Someone, options: { seconds?: number; readOnly?: boolean } = {}) {
    const { seconds, readOnly = false } = options;
    const { token } = await users(who).createPersonalAccessToken({
      userId: who.id,
      description: "laptop",
      readOnly,
      ...(seconds !== undefined && { validFor: { seconds: BigInt(seconds) } }),
    });
    const [pat] = (await users(who).listPersonalAccessTokens({})).personalAccessTokens;
    return { token, id: pat?.id ?? "", pat };
  }

  test("last as long as was asked for, 90 days when nobody asked, and no longer", async () => {
    const short = await mint(member, { seconds: 60 });
    expect(short.pat?.expiresAt && timestampMs(short.pat.expiresAt)).toBe(server.clock.now() + 60_000);
    for (const seconds of [undefined, 0]) {
      const { pat } = await mint(member, seconds === undefined ? {} : { seconds });
      expect(pat?.expiresAt && timestampMs(pat.expiresAt)).toBe(server.clock.now() + 90 * dayMs);
    }
    for (const seconds of [90 * 86_400 + 1, -1]) {
      const call = users(member).createPersonalAccessToken({
        userId: member.id,
        validFor: { seconds: BigInt(seconds) },
      });
      expect(await refusal(call)).toMatchObject({ code: "invalid_argument", fields: ["valid_for"] });
    }
    server.clock.advance(60_000);
    const expired = server.client(IdentityService, { token: short.token });
    expect(await refusal(expired.getAuthenticatedIdentity({}))).toMatchObject({ reason: "TOKEN_EXPIRED" });
  });

  test("are minted for oneself only, by people only", async () => {
    const admin = await operator(server);
    const program = await newServiceAccount(server, "ci");
    for (const [who, userId] of [
      [member, admin.id],
      [undefined, member.id],
      [member, newId()],
    ] as const) {
      const refused = await refusal(users(who).createPersonalAccessToken({ userId }));
      expect(refused).toMatchObject({ code: "permission_denied", reason: "NOT_YOURSELF" });
    }
    const own = await refusal(users(program).createPersonalAccessToken({ userId: program.id }));
    expect(own).toMatchObject({ code: "permission_denied", reason: "NOT_A_USER" });
    for (const userId of ["", "me"]) {
      const refused = await refusal(users(member).createPersonalAccessToken({ userId }));
      expect(refused).toMatchObject({ code: "invalid_argument", fields: ["user_id"] });
    }
  });

  test("that may only read cannot mint, revoke or change anything", async () => {
    const { token, id } = await mint(member, { readOnly: true });
    const reader = { token };
    expect((await users(reader).getPersonalAccessToken({ personalAccessTokenId: id })).pat?.readOnly).toBe(
      true,
    );
    const runners = server.client(RunnerService, reader);
    for (const call of [
      () => users(reader).createPersonalAccessToken({ userId: member.id }),
      () => users(reader).deletePersonalAccessToken({ personalAccessTokenId: id }),
      () => runners.createRunner({ name: "runner", provider: RunnerProvider.GCP }),
      () => server.client(IdentityService, reader).getIDToken({ audience: ["cloud"] }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: "permission_denied", reason: "TOKEN_READ_ONLY" });
    }
  });

  test("are seen by their owner and by admins of the organisation", async () => {
    const other = await newUser(server);
    const stranger = await newOrganization(server);
    const { id } = await mint(member);
    const asked = { personalAccessTokenId: id };
    expect((await users(member).getPersonalAccessToken(asked)).pat).toMatchObject({
      userId: member.id,
      description: "laptop",
      creator: { id: member.id },
    });
    expect((await users().getPersonalAccessToken(asked)).pat?.userId).toBe(member.id);
    for (const nosy of [other, stranger, await newServiceAccount(server, "ci")]) {
      for (const refused of await refusals([
        users(nosy).getPersonalAccessToken(asked),
        users(nosy).deletePersonalAccessToken(asked),
      ])) {
        expect(refused).toMatchObject({ code: "not_found", reason: "TOKEN_NOT_FOUND" });
      }
      const filter = { userIds: [member.id] };
      expect((await users(nosy).listPersonalAccessTokens({ filter })).personalAccessTokens).toEqual([]);
    }
  });

  test("are listed newest first, page by page, for the users that were asked for", async () => {
    const other = await newUser(server);
    for (let i = 0; i < 4; i++) {
      await mint(member);
      await mint(other);
    }
    const filter = { userIds: [other.id, member.id, other.id] };
    const seen: string[] = [];
    let token = "";
    do {
      const page = await users().listPersonalAccessTokens({ filter, pagination: { pageSize: 3, token } });
      expect(page.personalAccessTokens.length).toBeGreaterThan(0);
      seen.push(...page.personalAccessTokens.map(({ id }) => id));
      token = page.pagination?.nextToken ?? "";
    } while (token !== "");
    expect(seen).toHaveLength(10);
    expect(seen).toEqual([...new Set(seen)].sort().reverse());

    const first = await users().listPersonalAccessTokens({ filter, pagination: { pageSize: 1 } });
    const borrowed = { pageSize: 1, token: first.pagination?.nextToken ?? "" };
    expect(await refusal(users().listPersonalAccessTokens({ pagination: borrowed }))).toMatchObject({
      code: "invalid_argument",
      fields: ["pagination.token"],
    });
  });

  test("end when they are deleted", async () => {
    const { token, id } = await mint(member);
    const other = await mint(member);
    // An admin can end somebody else's token; the owner ends its own, with that very token.
    await users().deletePersonalAccessToken({ personalAccessTokenId: id });
    await users(other).deletePersonalAccessToken({ personalAccessTokenId: other.id });
    for (const ended of [token, other.token]) {
      const call = server.client(IdentityService, { token: ended }).getAuthenticatedIdentity({});
      expect(await refusal(call)).toMatchObject({ code: "unauthenticated", reason: "TOKEN_REVOKED" });
    }
    const again = users(member).deletePersonalAccessToken({ personalAccessTokenId: id });
    expect(await refusal(again)).toMatchObject({ code: "not_found" });
    const { personalAccessTokens } = await users(member).listPersonalAccessTokens({});
    expect(personalAccessTokens.map((pat) => pat.id)).not.toContain(id);
  });

  test("remember when they were used last, across a restart", async () => {
    const { token, id } = await mint(member);
    const reader = server.client(UserService, { token });
    await reader.getAuthenticatedUser({});
    server.clock.advance(5000);
    await reader.getAuthenticatedUser({});
    const used = server.clock.now();
    const asked = { personalAccessTokenId: id };
    const before = (await users(member).getPersonalAccessToken(asked)).pat;
    expect(before?.lastUsed).toBeUndefined();
    await server.restart();
    const { pat } = await users(member).getPersonalAccessToken(asked);
    expect(pat?.lastUsed && timestampMs(pat.lastUsed)).toBe(used);
  });
});
