import { join } from "node:path";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import {
  HostAuthenticationTokenSource,
  RunnerConfigurationService,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { defaultQuotas } from "../../src/domain/limits/quotas.ts";
import { type Actor, actor, type Kind, makeWorld, type World } from "../access/world.ts";
import { eventually } from "../support/eventually.ts";
import { keyRunner } from "../support/keyed-runner.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer({ config: { quotas: { ...defaultQuotas, hostTokens: 3 } } });
  world = await makeWorld(server);
  server.keepSecret(value, refresh);
});
afterAll(() => server.close());

const value = "host-token-in-clear";
const refresh = "refresh-token-in-clear";
const { OAUTH, PAT, UNSPECIFIED } = HostAuthenticationTokenSource;
type Caller = Exclude<Kind, "nobody"> | Actor;
const as = (who: Caller = "org admin") => {
  const { token } = typeof who === "string" ? actor(world, who) : who;
  return server.client(RunnerConfigurationService, { token });
};
const pat = { host: "github.com", token: value, source: PAT };
const create = async (runnerId: string, change: object = {}, who: Caller = "org admin") =>
  (await as(who).createHostAuthenticationToken({ runnerId, ...pat, ...change })).token;
const newToken = async (runnerId: string, change: object = {}, who: Caller = "org admin") =>
  (await create(runnerId, change, who))?.id ?? "";
const read = async (id: string, who: Caller = "org admin") =>
  (await as(who).getHostAuthenticationToken({ id })).token;
const update = (id: string, change: object, who: Caller = "org admin") =>
  as(who).updateHostAuthenticationToken({ id, ...change });
const idsOf = async (filter: object, who: Caller = "org admin") =>
  (await as(who).listHostAuthenticationTokens({ filter })).tokens.map(({ id }) => id);
/** A runner with its key, connected to github.com in both ways. */
async function connected(change: object = {}) {
  const { id: runnerId, exchangeToken } = await world.newRunner();
  const agent = await keyRunner(server, exchangeToken);
  const oauth = { oauthClientId: "client", oauthPlaintextClientSecret: "secret-of-the-client" };
  const request = { runnerId, scmId: "github", host: "github.com", pat: true, ...oauth, ...change };
  const { id: integrationId } = await as().createSCMIntegration(request);
  return { runnerId, integrationId, itself: { id: runnerId, token: agent.token } };
}
const inDays = (days: number) => timestampFromMs(server.clock.now() + days * 24 * 3600 * 1000);
const notFound = {
  code: "not_found",
  message: "host authentication token not found",
  reason: "HOST_TOKEN_NOT_FOUND",
};

describe("a host authentication token", () => {
  test("is answered complete, read back without its value, and is of whoever stored it", async () => {
    const { runnerId, integrationId } = await connected();
    const expiresAt = inDays(1);
    const sent = { host: "GitHub.com", scopes: ["repo", "read:user"], expiresAt, refreshToken: refresh };
    const { id: me } = actor(world, "runner user");
    const made = await create(runnerId.toUpperCase(), sent, "runner user");
    expect(made).toMatchObject({
      ...{
        runnerId,
        integrationId,
        host: "GitHub.com",
        scopes: sent.scopes,
        source: PAT,
        userId: me,
        expiresAt,
      },
      subject: { id: me, principal: Principal.USER },
    });
    expect(await read(made?.id.toUpperCase() ?? "", "runner user")).toEqual(made);
    expect(await idsOf({ runnerId }, "runner user")).toEqual([made?.id]);
  });

  test("of a service account names it as such", async () => {
    const { runnerId } = await connected();
    const groupId = await world.newGroup();
    const account = actor(world, "service account");
    const subject = { id: account.id, principal: Principal.SERVICE_ACCOUNT };
    await world.groups.createMembership({ groupId, subject });
    await world.runners.createRunnerPolicy({ runnerId, groupId, role: 2 });
    const named = [{}, { subject }, { userId: account.id }, { userId: account.id.toUpperCase(), subject }];
    for (const change of named) {
      const made = await create(runnerId, change, account);
      expect(made).toMatchObject({ subject, userId: "" });
      await as(account).deleteHostAuthenticationToken({ id: made?.id ?? "" });
    }
  });

  test("is stored for nobody else, whoever calls", async () => {
    const { runnerId } = await connected();
    const { id } = actor(world, "member");
    const subject = { id, principal: Principal.USER };
    for (const change of [
      { subject },
      { userId: id },
      { subject: { ...subject, id: actor(world, "org admin").id, principal: Principal.SERVICE_ACCOUNT } },
    ]) {
      expect(await refusal(create(runnerId, change))).toMatchObject({
        code: "permission_denied",
        reason: "NOT_YOURSELF",
      });
    }
    const both = { subject, userId: actor(world, "org admin").id };
    expect(await refusal(create(runnerId, both))).toMatchObject({
      code: "invalid_argument",
      fields: ["user_id"],
    });
  });

  test.each([
    ["no source", { source: UNSPECIFIED }, "source"],
    ["a host with a scheme", { host: "https://github.com" }, "host"],
    ["a long token", { token: "t".repeat(8193) }, "token"],
    ["a long refresh token", { refreshToken: "t".repeat(8193) }, "refresh_token"],
    ["a time that is over", { expiresAt: timestampFromMs(1) }, "expires_at"],
    ["101 scopes", { scopes: Array.from({ length: 101 }, (_, at) => `s${at}`) }, "scopes"],
    ["an empty scope", { scopes: [""] }, "scopes"],
    ["a long scope", { scopes: ["s".repeat(257)] }, "scopes"],
  ])("is refused with %s", async (_name, change, field) => {
    const { code, fields, message } = await refusal(create(world.runnerId, change));
    expect([code, fields.map((path) => path.split(".")[0])]).toEqual(["invalid_argument", [field]]);
    expect(message.length).toBeLessThan(300);
    expect(message).not.toContain(value);
  });

  test("takes the longest values and 100 scopes", async () => {
    const { runnerId } = await connected();
    const scopes = Array.from({ length: 100 }, (_, at) => `${at}`.padEnd(256, "s"));
    const longest = { token: "t".repeat(8192), refreshToken: "r".repeat(8192), scopes };
    expect((await create(runnerId, longest))?.scopes).toEqual(scopes);
  });

  test("needs an integration of the runner that covers its host and takes its source", async () => {
    const { runnerId, integrationId } = await connected({
      host: "dev.example/acme",
      oauthClientId: "",
      oauthPlaintextClientSecret: "",
    });
    const unconfigured = { code: "failed_precondition", reason: "SCM_INTEGRATION_NOT_CONFIGURED" };
    for (const host of ["gitlab.com", "dev.example", "dev.example/acme2", "dev.example:8443/acme"]) {
      expect(await refusal(create(runnerId, { host }))).toMatchObject({
        ...unconfigured,
        message: `the SCM integration for host ${host} is not configured`,
      });
    }
    const disabled = { code: "failed_precondition", reason: "SCM_METHOD_DISABLED" };
    expect(await refusal(create(runnerId, { host: "dev.example/acme", source: OAUTH }))).toMatchObject(
      disabled,
    );
    const other = { host: "dev.example/acme", integrationId: newId() };
    expect(await refusal(create(runnerId, other))).toMatchObject(unconfigured);
    const below = { host: "DEV.example/Acme/project", integrationId: integrationId.toUpperCase() };
    expect(await create(runnerId, below)).toMatchObject({ integrationId });
    const { id: longer } = await as().createSCMIntegration({
      runnerId,
      scmId: "github",
      host: "dev.example/acme/other",
    });
    expect(await refusal(create(runnerId, { host: "dev.example/acme/other" }))).toMatchObject(disabled);
    await as().updateSCMIntegration({ id: longer, pat: true });
    expect(await create(runnerId, { host: "dev.example/acme/other" })).toMatchObject({
      integrationId: longer,
    });
  });

  test("is one for each runner, host and subject, and so many of a subject", async () => {
    const { runnerId } = await connected();
    const id = await newToken(runnerId);
    const exists = { code: "already_exists", message: "host authentication token already exists" };
    expect(await refusal(create(runnerId, { host: "GITHUB.com:443", source: OAUTH }))).toMatchObject(exists);
    await newToken(runnerId, {}, "runner user");
    await newToken(runnerId, { host: "github.com/a" });
    await newToken(runnerId, { host: "github.com/b" });
    expect(await refusal(create(runnerId, { host: "github.com/c" }))).toMatchObject({
      code: "resource_exhausted",
      reason: "TOO_MANY_HOST_TOKENS",
    });
    await as().deleteHostAuthenticationToken({ id });
    await newToken(runnerId);
  });

  test("changes by presence, and its values lie encrypted", async () => {
    const { runnerId } = await connected();
    const id = await newToken(runnerId, { refreshToken: refresh, expiresAt: inDays(1), scopes: ["repo"] });
    const database = new Database(join(server.config.dataDir, "rollcall.db"), { readonly: true });
    const kept = () =>
      database
        .prepare(
          "SELECT hex(token) AS token, hex(refresh_token) AS refresh FROM host_authentication_tokens WHERE id = ?",
        )
        .get(id);
    const changed = async (change: object) => {
      const before = { known: await read(id), kept: kept() };
      await update(id, change);
      const after = { known: await read(id), kept: kept() };
      return { before, after };
    };
    const token = await changed({ token: `${value}-2` });
    expect(token.after.known).toEqual(token.before.known);
    expect(token.after.kept).not.toEqual(token.before.kept);
    const expiry = await changed({ expiresAt: inDays(2) });
    expect(expiry.after).toEqual({
      ...expiry.before,
      known: { ...expiry.before.known, expiresAt: inDays(2) },
    });
    const scopes = await changed({ scopes: ["api"] });
    expect(scopes.after.known?.scopes).toEqual(["api"]);
    for (const nothing of [{}, { scopes: [] }]) {
      const same = await changed(nothing);
      expect(same.after).toEqual(same.before);
    }
    const cleared = await changed({ refreshToken: "" });
    expect(cleared.after.kept).toMatchObject({ refresh: "" });
    for (const [wrong, field] of [
      [{ expiresAt: timestampFromMs(1) }, "expires_at"],
      [{ token: "t".repeat(8193) }, "token"],
      [{ token: "" }, "token"],
      [{ refreshToken: "t".repeat(8193) }, "refresh_token"],
    ] as const) {
      const refused = await refusal(update(id, wrong));
      expect(refused).toMatchObject({ code: "invalid_argument", fields: [field] });
    }
    database.close();
  });
});

describe("who may do what", () => {
  test("admins of the runner see and delete the tokens of all, and change none", async () => {
    const { runnerId } = await connected();
    const id = await newToken(runnerId, {}, "runner user");
    for (const admin of ["org admin", "runners admin", "runner admin"] as const) {
      expect((await read(id, admin))?.id).toBe(id);
      expect(await idsOf({ runnerId }, admin)).toEqual([id]);
      expect(await idsOf({}, admin)).toContain(id);
      const denied = { code: "permission_denied", reason: "ROLE_MISSING" };
      expect(await refusal(update(id, { token: "planted" }, admin))).toMatchObject(denied);
    }
    await as("runner admin").deleteHostAuthenticationToken({ id });
    expect(await refusal(read(id))).toMatchObject(notFound);
  });

  test("a user of the runner knows of its own tokens alone", async () => {
    const { runnerId } = await connected();
    const [theirs, mine] = [await newToken(runnerId), await newToken(runnerId, {}, "runner user")];
    for (const id of [theirs, newId()]) {
      expect(await refusal(read(id, "runner user"))).toMatchObject(notFound);
      expect(await refusal(update(id, { token: "x" }, "runner user"))).toMatchObject(notFound);
      const deletion = as("runner user").deleteHostAuthenticationToken({ id });
      expect(await refusal(deletion)).toMatchObject(notFound);
    }
    expect(await idsOf({ runnerId }, "runner user")).toEqual([mine]);
    const { id: userId } = actor(world, "org admin");
    expect(await idsOf({ runnerId, userId }, "runner user")).toEqual([]);
    await update(mine, { token: "x" }, "runner user");
  });

  test("who lost the runner keeps its token in sight, and can do nothing but delete it", async () => {
    const { runnerId } = await connected();
    const guest = await world.newUser("guest");
    const groupId = await world.newGroup(guest);
    await world.runners.createRunnerPolicy({ runnerId, groupId, role: 2 });
    const id = await newToken(runnerId, {}, guest);
    await world.runners.deleteRunnerPolicy({ runnerId, groupId });
    expect(await idsOf({}, guest)).toEqual([id]);
    const lost = { code: "not_found", reason: "RUNNER_NOT_FOUND" };
    expect(await refusal(update(id, { token: "x" }, guest))).toMatchObject(lost);
    expect(await refusal(create(runnerId, { host: "github.com/x" }, guest))).toMatchObject(lost);
    await as(guest).deleteHostAuthenticationToken({ id });
  });

  test("a runner stores, renews and deletes what was signed in through it, and only reads the rest", async () => {
    const { runnerId, itself } = await connected();
    const subject = { id: actor(world, "runner user").id, principal: Principal.USER };
    const oauth = { source: OAUTH, subject, refreshToken: refresh };
    const id = await newToken(runnerId, oauth, itself);
    expect((await read(id, "runner user"))?.subject).toMatchObject(subject);
    await update(id, { token: `${value}-2`, expiresAt: inDays(1) }, itself);
    const theirs = await newToken(runnerId);
    expect(await idsOf({}, itself)).toEqual([theirs, id]);
    expect((await read(theirs, itself))?.id).toBe(theirs);
    const denied = { code: "permission_denied", reason: "RUNNER_TOKEN" };
    for (const call of [
      create(runnerId, { subject }, itself),
      update(theirs, { token: "x" }, itself),
      as(itself).deleteHostAuthenticationToken({ id: theirs }),
    ]) {
      expect(await refusal(call)).toMatchObject(denied);
    }
    const nobody = { ...oauth, subject: { ...subject, id: newId() } };
    expect(await refusal(create(runnerId, nobody, itself))).toMatchObject({ reason: "PRINCIPAL_NOT_FOUND" });
    expect(await refusal(create(runnerId, { source: OAUTH }, itself))).toMatchObject({
      code: "invalid_argument",
    });
    expect(await refusal(create(world.runnerId, oauth, itself))).toMatchObject({
      reason: "RUNNER_NOT_FOUND",
    });
    await as(itself).deleteHostAuthenticationToken({ id });
    expect(await refusal(read(id, "other runner"))).toMatchObject(notFound);
    expect(await refusal(read(theirs, "other runner"))).toMatchObject(notFound);
  });
});

test("the list narrows by runner and by subject under both names, newest first and by pages", async () => {
  const [one, two] = [await connected(), await connected()];
  const [a, b] = [await newToken(one.runnerId), await newToken(one.runnerId, {}, "runner user")];
  const c = await newToken(two.runnerId);
  const { id: me } = actor(world, "org admin");
  const { id: other } = actor(world, "runner user");
  const { runnerId } = one;
  expect(await idsOf({ runnerId })).toEqual([b, a]);
  expect(await idsOf({ runnerId: runnerId.toUpperCase(), subjectId: me.toUpperCase() })).toEqual([a]);
  expect(await idsOf({ runnerId, userId: other })).toEqual([b]);
  expect(await idsOf({ runnerId, userId: me, subjectId: me })).toEqual([a]);
  expect(await idsOf({ userId: me, subjectId: other })).toEqual([]);
  expect((await idsOf({ subjectId: me })).slice(0, 2)).toEqual([c, a]);
  expect(await idsOf({ runnerId: newId() })).toEqual([]);
  const pages = { filter: { runnerId }, pagination: { pageSize: 1 } };
  const first = await as().listHostAuthenticationTokens(pages);
  const token = first.pagination?.nextToken ?? "";
  const second = await as().listHostAuthenticationTokens({ ...pages, pagination: { pageSize: 1, token } });
  expect([first, second].map(({ tokens }) => tokens.map(({ id }) => id))).toEqual([[b], [a]]);
  expect(second.pagination?.nextToken).toBe("");
});

describe("tokens go", () => {
  test("with their runner, and with the service account that they are of", async () => {
    const { runnerId } = await connected();
    const account = await world.newServiceAccount("signs in");
    const groupId = await world.newGroup();
    const subject = { id: account.id, principal: Principal.SERVICE_ACCOUNT };
    await world.groups.createMembership({ groupId, subject });
    await world.runners.createRunnerPolicy({ runnerId, groupId, role: 2 });
    const [theirs, mine] = [await newToken(runnerId, {}, account), await newToken(runnerId)];
    await server.client(ServiceAccountService).deleteServiceAccount({ serviceAccountId: account.id });
    expect(await idsOf({ runnerId })).toEqual([mine]);
    expect(await refusal(read(theirs))).toMatchObject(notFound);
    await server.client(RunnerService).deleteRunner({ runnerId, force: true });
    expect(await refusal(read(mine))).toMatchObject(notFound);
    expect(await idsOf({ runnerId })).toEqual([]);
  });

  test("30 days after they expired, and are listed until then", async () => {
    const { runnerId } = await connected();
    const [expiring, lasting] = [
      await newToken(runnerId, { expiresAt: inDays(1) }),
      await newToken(runnerId, {}, "runner user"),
    ];
    server.clock.advance(30 * 24 * 3600 * 1000);
    expect(await idsOf({ runnerId })).toEqual([lasting, expiring]);
    server.clock.advance(2 * 24 * 3600 * 1000);
    await server.restart();
    await eventually(async () => expect(await idsOf({ runnerId })).toEqual([lasting]));
  });
});
