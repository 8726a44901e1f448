import sodium from "libsodium-wrappers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunnerConfigurationService } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { type Agent, live, type Watch } from "../fleet/fixture.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  await sodium.ready;
  server = await startTestServer();
});
afterAll(() => server.close());

const as = () => server.client(RunnerConfigurationService);
const validate = async (runnerId: string, value: object) =>
  (await as().validateRunnerConfiguration({ runnerId, config: { case: "scmIntegration", value } })).result
    .value;

describe("a connection to a source-code host is judged as a result", () => {
  const secret = "client-secret-of-the-operator";
  let runnerId: string;
  let id: string;
  let agent: Agent;
  let watch: Watch;
  beforeAll(async () => {
    server.keepSecret(secret);
    agent = await live(server);
    // It listens, and says that it can answer nothing: the server's own verdict stands.
    watch = agent.watch();
    void watch.ended();
    runnerId = agent.id;
    await agent.renew({ status: { publicKey: sodium.crypto_box_keypair().publicKey } });
    ({ id } = await as().createSCMIntegration({
      runnerId,
      scmId: "github",
      host: "github.com",
      oauthClientId: "client",
      oauthPlaintextClientSecret: secret,
    }));
  });
  afterAll(() => watch.close());
  const judge = (change: object) =>
    validate(runnerId, { scmId: "github", host: "github.com", pat: true, ...change });
  const plainSecret = (value: string) => ({
    oauthClientSecret: { case: "oauthPlaintextClientSecret" as const, value },
  });
  const sealedSecret = (value: Uint8Array) => ({
    oauthClientSecret: { case: "oauthEncryptedClientSecret" as const, value },
  });
  const stored = async () =>
    (await as().getSCMIntegration({ id })).integration?.oauth?.encryptedClientSecret ?? new Uint8Array();

  test("that finds nothing wrong", async () => {
    for (const change of [
      {},
      { oauthClientId: "client", ...plainSecret(secret) },
      { id },
      { id: id.toUpperCase(), oauthClientId: "other" },
      { id, oauthClientId: "client", ...sealedSecret(await stored()) },
      { id, oauthClientId: "", ...sealedSecret(Buffer.from("whatever")) },
    ]) {
      expect(await judge(change)).toMatchObject({ valid: true });
    }
  });

  test.each([
    [{ scmId: "svn" }, "scmIdError"],
    [{ host: "https://github.com" }, "hostError"],
    [{ host: "" }, "hostError"],
    [{ virtualDirectory: "/tfs" }, "hostError"],
    [{ oauthClientId: "client" }, "oauthError"],
    [{ oauthClientSecret: { case: "oauthPlaintextClientSecret", value: "s" } }, "oauthError"],
    [
      {
        oauthClientId: "c",
        oauthClientSecret: { case: "oauthPlaintextClientSecret", value: "s".repeat(4097) },
      },
      "oauthError",
    ],
    [
      { scmId: "azuredevops_entra", oauthClientId: "c", ...{ issuerUrl: "http://issuer.example" } },
      "oauthError",
    ],
  ])("of a field: %#", async (change, key) => {
    const verdict = await judge(change);
    expect(verdict).toMatchObject({ valid: false, [key]: expect.any(String) });
    expect(JSON.stringify(verdict)).not.toContain("ssss");
  });

  test("that tries a stored secret with its own host and issuer alone", async () => {
    for (const change of [
      { host: "evil.example" },
      { issuerUrl: "https://evil.example" },
      { oauthClientId: "client", host: "evil.example", ...sealedSecret(await stored()) },
      { oauthClientId: "client", ...sealedSecret(Buffer.from("another")) },
    ]) {
      expect(await judge({ id, ...change })).toMatchObject({
        valid: false,
        oauthError: expect.stringContaining("enter it again"),
      });
    }
    const foreign = { oauthClientId: "client", ...sealedSecret(await stored()) };
    expect(await judge(foreign)).toMatchObject({ valid: false, oauthError: expect.any(String) });
  });

  test("by what the runner offers, when it said so", async () => {
    await agent.renew({
      status: { schema: { scm: [{ scmId: "github", pat: {} }, { scmId: "gitea" }] } },
    });
    expect(await judge({ scmId: "gitea", oauthClientId: "c", ...plainSecret(secret) })).toMatchObject({
      valid: false,
      oauthError: expect.any(String),
      patError: expect.any(String),
    });
    expect(await judge({ scmId: "gitlab" })).toMatchObject({ scmIdError: expect.any(String) });
  });

  test("not before a secret can be sealed, and not of a secret that cannot be read any more", async () => {
    const { id: keyless } = await live(server);
    const value = { scmId: "github", host: "github.com", oauthClientId: "c", ...plainSecret(secret) };
    expect(await refusal(validate(keyless, value))).toMatchObject({
      code: "failed_precondition",
      message: "runner does not have a public key",
    });
    await agent.renew({ status: { publicKey: sodium.crypto_box_keypair().publicKey } });
    expect(await judge({ id })).toMatchObject({
      valid: false,
      oauthError: "the client secret was sealed to an earlier key of the runner; set it again",
    });
  });
});
