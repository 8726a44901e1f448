import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  HostAuthenticationTokenSource,
  RunnerConfigurationService,
  RunnerKind,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { defaultQuotas } from "../../src/domain/limits/quotas.ts";
import { actor, type Kind, makeWorld, type World } from "../access/world.ts";
import { keyRunner } from "../support/keyed-runner.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer({ config: { quotas: { ...defaultQuotas, scmIntegrations: 3 } } });
  world = await makeWorld(server);
  server.keepSecret(secret, another);
});
afterAll(() => server.close());

const secret = "client-secret-in-clear";
const another = "another-secret-in-clear";
const as = (kind: Exclude<Kind, "nobody"> = "org admin") =>
  server.client(RunnerConfigurationService, { token: actor(world, kind).token });
const newRunner = async () => (await world.newRunner()).id;
const withKey = async () => {
  const { id, exchangeToken } = await world.newRunner();
  return { runnerId: id, agent: await keyRunner(server, exchangeToken) };
};
const github = { scmId: "github", host: "github.com", pat: true };
const oauth = { oauthClientId: "client", oauthPlaintextClientSecret: secret };
const newIntegration = async (runnerId: string, change = {}) =>
  (await as().createSCMIntegration({ runnerId, ...github, ...change })).id;
const read = async (id: string) => (await as().getSCMIntegration({ id })).integration;
const update = (id: string, change: object) => as().updateSCMIntegration({ id, ...change });
const idsOf = async (filter: object, kind: Exclude<Kind, "nobody"> = "org admin") =>
  (await as(kind).listSCMIntegrations({ filter })).integrations.map(({ id }) => id);
const { OAUTH, PAT } = HostAuthenticationTokenSource;

/** Tokens of the org admin and of a service account, one of each source. */
async function signedIn(runnerId: string, host: string) {
  await world.runners.createRunnerPolicy({ runnerId, groupId: await sharedWithAccount(), role: 2 });
  const create = async (kind: "org admin" | "service account", source: HostAuthenticationTokenSource) =>
    (await as(kind).createHostAuthenticationToken({ runnerId, host, token: "t", source })).token?.id ?? "";
  const [byOauth, byPat] = [await create("org admin", OAUTH), await create("service account", PAT)];
  const left = async () =>
    (await as().listHostAuthenticationTokens({ filter: { runnerId } })).tokens.map(({ id }) => id).reverse();
  return { byOauth, byPat, left };
}
let accountGroup: Promise<string> | undefined;
const sharedWithAccount = () => {
  accountGroup ??= (async () => {
    const groupId = await world.newGroup();
    const subject = { id: actor(world, "service account").id, principal: 5 };
    await world.groups.createMembership({ groupId, subject });
    return groupId;
  })();
  return accountGroup;
};

describe("an SCM integration", () => {
  test("reads back as it was sent, without what was not", async () => {
    const runnerId = await newRunner();
    const id = await newIntegration(runnerId.toUpperCase(), { host: "GitHub.COM:443" });
    const found = await read(id.toUpperCase());
    expect(found).toMatchObject({ id, runnerId, scmId: "github", host: "GitHub.COM:443", pat: true });
    expect(found?.oauth).toBeUndefined();
    expect(found?.virtualDirectory).toBeUndefined();
  });

  test("seals its client secret to the runner's key, and shows it to the runner and its admins alone", async () => {
    const { runnerId, agent } = await withKey();
    const id = await newIntegration(runnerId, oauth);
    const found = (await read(id))?.oauth;
    expect(found).toMatchObject({ clientId: "client", issuerUrl: "" });
    expect(agent.open(found?.encryptedClientSecret ?? new Uint8Array())).toBe(secret);
    const own = server.client(RunnerConfigurationService, { token: agent.token });
    for (const [client, length] of [
      [own, found?.encryptedClientSecret.length],
      [as("runner admin"), found?.encryptedClientSecret.length],
      [as("runner user"), 0],
    ] as const) {
      const { integration } = await client.getSCMIntegration({ id });
      const { integrations } = await client.listSCMIntegrations({ filter: { runnerIds: [runnerId] } });
      for (const one of [integration, integrations[0]]) {
        expect(one?.oauth?.clientId).toBe("client");
        expect(one?.oauth?.encryptedClientSecret).toHaveLength(length ?? -1);
      }
    }
  });

  test("needs the runner's key for a secret, and for nothing else", async () => {
    const runnerId = await newRunner();
    const keyless = { code: "failed_precondition", message: "runner does not have a public key" };
    expect(await refusal(newIntegration(runnerId, oauth))).toMatchObject(keyless);
    const id = await newIntegration(runnerId, { oauthClientId: "", oauthPlaintextClientSecret: "" });
    expect(await refusal(update(id, oauth))).toMatchObject(keyless);
    expect(await idsOf({ runnerIds: [runnerId] })).toEqual([id]);
    await update(id, { oauthClientId: "", oauthPlaintextClientSecret: secret });
    expect((await read(id))?.oauth).toBeUndefined();
  });

  test.each([
    ["an unknown kind", { scmId: "sourceforge" }, "scm_id"],
    ["no kind", { scmId: "" }, "scm_id"],
    ["no host", { host: "" }, "host"],
    ["a scheme", { host: "https://github.com" }, "host"],
    ["a user", { host: "git@github.com" }, "host"],
    ["a query", { host: "github.com?x=1" }, "host"],
    ["a fragment", { host: "github.com/a#b" }, "host"],
    ["a blank", { host: "github.com " }, "host"],
    ["a way upwards", { host: "github.com/../x" }, "host"],
    ["an empty segment", { host: "github.com//x" }, "host"],
    ["a long name", { host: `${"a.".repeat(126)}aa` }, "host"],
    ["a long path", { host: `github.com/${"p".repeat(512)}` }, "host"],
    ["port 0", { host: "github.com:0" }, "host"],
    ["port 65536", { host: "github.com:65536" }, "host"],
    ["a client id alone", { oauthClientId: "client" }, "oauth_plaintext_client_secret"],
    ["a secret alone", { oauthPlaintextClientSecret: secret }, "oauth_client_id"],
    ["a long client id", { ...oauth, oauthClientId: "c".repeat(513) }, "oauth_client_id"],
    [
      "a long secret",
      { ...oauth, oauthPlaintextClientSecret: "s".repeat(4097) },
      "oauth_plaintext_client_secret",
    ],
    ["an issuer over http", { issuerUrl: "http://login.example" }, "issuer_url"],
    ["an issuer with a user", { issuerUrl: "https://u:p@login.example" }, "issuer_url"],
    ["a long issuer", { issuerUrl: `https://login.example/${"p".repeat(2048)}` }, "issuer_url"],
    ["a path below which it cannot live", { virtualDirectory: "/tfs" }, "virtual_directory"],
    ["entra without an issuer", { ...oauth, scmId: "azuredevops_entra" }, "issuer_url"],
    ["OAuth where there is none", { ...oauth, scmId: "azuredevops_server" }, "oauth_client_id"],
    [
      "an issuer where there is none",
      { scmId: "azuredevops_server", issuerUrl: "https://x.example" },
      "issuer_url",
    ],
    ["a path without a slash", { scmId: "azuredevops_server", virtualDirectory: "tfs" }, "virtual_directory"],
    ["a path of nothing", { scmId: "azuredevops_server", virtualDirectory: "/" }, "virtual_directory"],
  ])("is refused with %s", async (_name, change, field) => {
    const { code, fields, message } = await refusal(newIntegration(world.runnerId, change));
    expect([code, fields]).toEqual(["invalid_argument", [field]]);
    expect(message).not.toContain(secret);
    expect(message.length).toBeLessThan(300);
  });

  test.each([
    ["a path", { host: "dev.azure.com/Acme%20Inc/" }],
    ["a port", { host: "git.example.com:8443" }],
    ["the longest name", { host: `${"a.".repeat(126)}a` }],
    ["no way to sign in", { pat: false }],
    ["a path below which it lives", { scmId: "azuredevops_server", virtualDirectory: "/tfs" }],
    ["an issuer", { scmId: "azuredevops_entra", issuerUrl: "https://login.example/tenant" }],
  ])("can have %s", async (_name, change) => {
    const { issuerUrl: _, ...shown } = { issuerUrl: "", ...change };
    expect(await read(await newIntegration(await newRunner(), change))).toMatchObject(shown);
  });

  test("is one for each host and path of a runner, however the host is written", async () => {
    const runnerId = await newRunner();
    await newIntegration(runnerId);
    const taken = { code: "already_exists", reason: "SCM_INTEGRATION_EXISTS" };
    for (const host of ["github.com", "GITHUB.com", "github.com:443", "github.com/"]) {
      expect(await refusal(newIntegration(runnerId, { host, scmId: "gitlab" }))).toMatchObject(taken);
    }
    const server1 = await newIntegration(runnerId, { scmId: "azuredevops_server", host: "tfs.example" });
    await newIntegration(runnerId, {
      scmId: "azuredevops_server",
      host: "tfs.example",
      virtualDirectory: "/tfs",
    });
    expect(await refusal(update(server1, { virtualDirectory: "/tfs" }))).toMatchObject(taken);
    expect((await read(server1))?.virtualDirectory).toBeUndefined();
    const full = { code: "resource_exhausted", reason: "TOO_MANY_SCM_INTEGRATIONS" };
    expect(await refusal(newIntegration(runnerId, { host: "gitlab.com" }))).toMatchObject(full);
    await newIntegration(await newRunner());
  });

  test("can be on the LOCAL_CONFIGURATION runner", async () => {
    const filter = { kinds: [RunnerKind.LOCAL_CONFIGURATION] };
    const { runners } = await server.client(RunnerService).listRunners({ filter });
    const id = await newIntegration(runners[0]?.runnerId ?? "");
    await update(id, { pat: false });
    await as().deleteSCMIntegration({ id });
  });
});

describe("an update", () => {
  test("changes what is sent: an empty secret leaves the stored one, a new id keeps it", async () => {
    const { runnerId, agent } = await withKey();
    const id = await newIntegration(runnerId, oauth);
    const sealed = async () => (await read(id))?.oauth?.encryptedClientSecret ?? new Uint8Array();
    const first = await sealed();
    for (const [change, clientId] of [
      [{}, "client"],
      [{ oauthPlaintextClientSecret: "" }, "client"],
      [{ oauthClientId: "client", oauthPlaintextClientSecret: "" }, "client"],
      [{ oauthClientId: "other" }, "other"],
      [{ pat: true }, "other"],
    ] as const) {
      await update(id, change);
      expect((await read(id))?.oauth?.clientId).toBe(clientId);
      expect(Buffer.from(await sealed())).toEqual(Buffer.from(first));
    }
    await update(id, { oauthPlaintextClientSecret: another });
    expect(agent.open(await sealed())).toBe(another);
    await update(id, { issuerUrl: "https://login.example" });
    expect((await read(id))?.oauth?.issuerUrl).toBe("https://login.example");
    await update(id, { oauthClientId: "" });
    expect((await read(id))?.oauth).toBeUndefined();
    await update(id, { issuerUrl: "" });
    expect(await refusal(update(id, { oauthClientId: "x" }))).toMatchObject({ code: "invalid_argument" });
    expect(await refusal(update(id, { oauthPlaintextClientSecret: another }))).toMatchObject({
      code: "invalid_argument",
      fields: ["oauth_client_id"],
    });
  });

  test("that takes a way to sign in away takes along what was stored that way, and nothing else", async () => {
    const { runnerId } = await withKey();
    const id = await newIntegration(runnerId, oauth);
    const { byOauth, byPat, left } = await signedIn(runnerId, "github.com");
    for (const change of [{ pat: true }, { oauthClientId: "other" }, {}]) {
      await update(id, change);
      expect(await left()).toEqual([byOauth, byPat]);
    }
    await update(id, { oauthClientId: "", oauthPlaintextClientSecret: secret });
    expect(await left()).toEqual([byPat]);
    await update(id, { pat: false });
    expect(await left()).toEqual([]);
  });

  test("seals to the key that the runner has by then", async () => {
    const { runnerId, agent } = await withKey();
    const id = await newIntegration(runnerId, oauth);
    await agent.changeKey();
    await update(id, { oauthPlaintextClientSecret: another });
    expect(agent.open((await read(id))?.oauth?.encryptedClientSecret ?? new Uint8Array())).toBe(another);
  });
});

test("a deletion takes every token for the host along, and is over", async () => {
  const { runnerId } = await withKey();
  const id = await newIntegration(runnerId, oauth);
  const { left } = await signedIn(runnerId, "github.com");
  await as().deleteSCMIntegration({ id });
  expect(await left()).toEqual([]);
  const gone = {
    code: "not_found",
    message: "SCM integration not found",
    reason: "SCM_INTEGRATION_NOT_FOUND",
  };
  for (const call of [
    as().getSCMIntegration({ id }),
    as().deleteSCMIntegration({ id }),
    as().updateSCMIntegration({ id }),
    as().getSCMIntegration({ id: newId() }),
  ]) {
    expect(await refusal(call)).toMatchObject(gone);
  }
});

test("the list has what is on the runners that the caller sees, newest first", async () => {
  const [one, two] = [await newRunner(), await newRunner()];
  const a = await newIntegration(one);
  const b = await newIntegration(two);
  const c = await newIntegration(one, { host: "github.example" });
  expect(await idsOf({ runnerIds: [one, two] })).toEqual([c, b, a]);
  expect(await idsOf({ runnerIds: [one] }, "runner user")).toEqual([c, a]);
  for (const kind of ["member", "runner itself", "other org admin", "service account"] as const) {
    expect(await idsOf({ runnerIds: [one, two] }, kind)).toEqual([]);
  }
  const page = { filter: { runnerIds: [one, two] }, pagination: { pageSize: 2 } };
  const first = await as().listSCMIntegrations(page);
  const token = first.pagination?.nextToken ?? "";
  const second = await as().listSCMIntegrations({ ...page, pagination: { pageSize: 2, token } });
  expect(second.integrations.map(({ id }) => id)).toEqual([a]);
  expect(second.pagination?.nextToken).toBe("");
});
