import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  type FetchImplementation,
  type JWKSCacheInput,
  jwksCache,
  jwtVerify,
} from "jose";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IDTokenVersion, IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { plainRequest } from "../support/http.ts";
import { newServiceAccount, newUser, operator, type Someone } from "../support/people.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

async function idToken(who?: Pick<Someone, "token">, request: object = {}): Promise<string> {
  const client = server.client(IdentityService, who === undefined ? {} : { token: who.token });
  const { token } = await client.getIDToken({ audience: ["sts.amazonaws.com"], ...request });
  server.keepSecret(token);
  return token;
}

interface VerifyOptions {
  readonly skewMs?: number;
  /** Seconds. */
  readonly tolerance?: number;
  readonly audience?: string;
  readonly issuer?: string;
}

/** Verifies as a cloud provider does: from nothing but the issuer's address, over HTTP. */
async function verifier(cache: JWKSCacheInput = {}) {
  const { issuer: found, jwks_uri } = (
    await plainRequest(`${server.url}/.well-known/openid-configuration`)
  ).json<{
    issuer: string;
    jwks_uri: string;
  }>();
  let fetches = 0;
  const counting: FetchImplementation = async (url, options) => {
    fetches += 1;
    return fetch(url, { ...options, headers: { connection: "close" } });
  };
  const keys = createRemoteJWKSet(new URL(jwks_uri), { [customFetch]: counting, [jwksCache]: cache });
  return {
    fetches: () => fetches,
    verify: (token: string, options: VerifyOptions = {}) => {
      const { skewMs = 0, tolerance = 0, audience = "sts.amazonaws.com", issuer = found } = options;
      const currentDate = new Date(server.clock.now() + skewMs);
      return jwtVerify(token, keys, { issuer, audience, currentDate, clockTolerance: tolerance });
    },
  };
}

describe("an id token", () => {
  test("is verified from the issuer's address alone", async () => {
    const member = await newUser(server);
    const version = IDTokenVersion.ID_TOKEN_VERSION_V2;
    const { payload, protectedHeader } = await (await verifier()).verify(await idToken(member, { version }));
    const iat = Math.floor(server.clock.now() / 1000);
    expect(protectedHeader).toMatchObject({ alg: "RS256", typ: "JWT" });
    expect(payload).toEqual({
      iss: server.url,
      sub: `organization:${member.organizationId}:user:${member.id}`,
      aud: "sts.amazonaws.com",
      organization_id: member.organizationId,
      principal: "user",
      principal_id: member.id,
      iat,
      nbf: iat - 60,
      exp: iat + 600,
      jti: expect.any(String),
    });
  });

  test("says in each version who calls, whatever kind of caller it is", async () => {
    const account = await newServiceAccount(server, "ci");
    const org = account.organizationId;
    const v1 = decodeJwt(await idToken(account, { version: IDTokenVersion.ID_TOKEN_VERSION_V1 }));
    expect(v1).toMatchObject({ sub: `service_account:${account.id}`, organization_id: org });
    expect(v1).not.toHaveProperty("principal");
    const unasked = decodeJwt(await idToken(account));
    expect({ ...unasked, jti: v1.jti }).toEqual(v1);
    const v2 = decodeJwt(await idToken(account, { version: IDTokenVersion.ID_TOKEN_VERSION_V2 }));
    expect(v2.sub).toBe(`organization:${org}:service_account:${account.id}`);
    const { runnerId, token } = await bootstrappedRunner();
    const runner = decodeJwt(await idToken({ token }, { version: IDTokenVersion.ID_TOKEN_VERSION_V1 }));
    expect(runner.sub).toBe(`runner:${runnerId}`);
    const unknown = server
      .client(IdentityService)
      .getIDToken({ audience: ["a"], version: 7 as IDTokenVersion });
    expect(await refusal(unknown)).toMatchObject({ code: "invalid_argument", fields: ["version"] });
  });

  test("is for those it names and nobody else", async () => {
    const token = await idToken(undefined, { audience: ["a.example", "b.example"] });
    const { verify } = await verifier();
    expect((await verify(token, { audience: "b.example" })).payload.aud).toEqual(["a.example", "b.example"]);
    await expect(verify(token, { audience: "c.example" })).rejects.toMatchObject({ claim: "aud" });
    for (const audience of [[], [""], ["x".repeat(257)], ["a\nb"], new Array(17).fill("a")]) {
      const refused = await refusal(server.client(IdentityService).getIDToken({ audience }));
      expect(refused).toMatchObject({ code: "invalid_argument", fields: ["audience"] });
    }
  });

  test("survives a verifier's clock that is a minute off, and no longer than its ten minutes", async () => {
    const token = await idToken();
    const { verify } = await verifier();
    for (const skewMs of [-minuteMs, 0, 9 * minuteMs]) await verify(token, { skewMs });
    await expect(verify(token, { skewMs: -2 * minuteMs })).rejects.toMatchObject({ claim: "nbf" });
    await verify(token, { skewMs: -2 * minuteMs, tolerance: 90 });
    await expect(verify(token, { skewMs: 10 * minuteMs })).rejects.toMatchObject({ code: "ERR_JWT_EXPIRED" });
    await verify(token, { skewMs: 11 * minuteMs, tolerance: 90 });
  });

  test("does not verify when anything in it was changed", async () => {
    const token = await idToken();
    const [header = "", payload = "", signature = ""] = token.split(".");
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: "user:root" })).toString(
      "base64url",
    );
    const { verify } = await verifier();
    for (const bad of [`${header}.${forged}.${signature}`, `${header}.${payload}.${"A".repeat(342)}`]) {
      await expect(verify(bad)).rejects.toMatchObject({ code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
    }
  });

  test("is on record", async () => {
    const member = await newUser(server);
    await idToken(member);
    const { entries } = await server
      .client(EventService)
      .listAuditLogs({ filter: { actorIds: [member.id] }, pagination: { pageSize: 1 } });
    expect(entries[0]).toMatchObject({ action: "id_token.create", subjectId: member.id });
  });

  test("names the address that the operator set as its issuer", async () => {
    await server.close();
    server = await startTestServer({ config: { externalUrl: "https://rollcall.example/base" } });
    expect(decodeJwt(await idToken()).iss).toBe("https://rollcall.example/base");
    const found = await plainRequest(`${server.url}/.well-known/openid-configuration`);
    expect(found.headers["cache-control"]).toBe("public, max-age=300");
    expect(found.json()).toMatchObject({
      issuer: "https://rollcall.example/base",
      jwks_uri: "https://rollcall.example/base/.well-known/jwks.json",
    });
  });
});

describe("rotation", () => {
  const kid = (token: string) => decodeProtectedHeader(token).kid;
  const published = async () =>
    (await plainRequest(`${server.url}/.well-known/jwks.json`))
      .json<{ keys: { kid: string; d?: string }[] }>()
      .keys.map((key) => key.kid)
      .sort();

  test("is not noticed by a verifier that looked before the new key signed", async () => {
    const old = await idToken();
    const { signingKey } = await server.client(AdminService).rotateSigningKey({});
    // It looks now, when both keys are published and the old one signs still.
    const cloud = await verifier();
    const meanwhile = await idToken();
    for (const token of [old, meanwhile]) await cloud.verify(token);
    expect(kid(meanwhile)).toBe(kid(old));
    server.clock.advance(hourMs);
    const fresh = await idToken();
    expect(kid(fresh)).toBe(signingKey?.id);
    await cloud.verify(fresh);
    expect(cloud.fetches()).toBe(1);
  });

  test("keeps the old key published until all that it signed has expired, across a restart", async () => {
    const runner = await server
      .client(RunnerService)
      .createRunner({ name: "runner", provider: RunnerProvider.GCP });
    const runnerId = runner.runner?.runnerId ?? "";
    const first = kid(await idToken()) ?? "";
    const { signingKey } = await server.client(AdminService).rotateSigningKey({});
    server.clock.advance(hourMs - 1);
    const { accessToken } = await server.client(RunnerService).createRunnerLogsToken({ runnerId });
    server.keepSecret(accessToken);
    expect(kid(accessToken)).toBe(first);
    // A restart takes another port here, and with it another issuer.
    const issuer = server.url;
    await server.restart();
    server.clock.advance(hourMs - 1000);
    const { verify } = await verifier();
    await verify(accessToken, { audience: runnerId, issuer });
    server.clock.advance(5 * minuteMs + 2000);
    expect(await published()).toEqual([signingKey?.id]);
  });

  test("withdraws a compromised key at once", async () => {
    const old = await idToken();
    const { signingKey } = await server.client(AdminService).rotateSigningKey({ compromised: true });
    expect(await published()).toEqual([signingKey?.id]);
    const { verify } = await verifier();
    await expect(verify(old)).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
    await verify(await idToken());
  });

  test("happens by itself in time, and once", async () => {
    const first = kid(await idToken()) ?? "";
    server.clock.advance(server.config.keyRotationMs - hourMs - 1);
    await server.restart();
    expect(await published()).toEqual([first]);
    server.clock.advance(1);
    for (let starts = 0; starts < 2; starts++) await server.restart();
    // A start makes the key in the background: one more stop has waited for it.
    await server.restart();
    const both = await published();
    expect(both).toHaveLength(2);
    expect(kid(await idToken())).toBe(first);
    server.clock.advance(hourMs);
    expect(both).toContain(kid(await idToken()));
    expect(kid(await idToken())).not.toBe(first);
  });

  test("never publishes or keeps a private key in clear", async () => {
    await idToken();
    const { text } = await plainRequest(`${server.url}/.well-known/jwks.json`);
    const { keys } = JSON.parse(text);
    expect(Object.keys(keys[0]).sort()).toEqual(["alg", "e", "kid", "kty", "n", "use"]);
    // The PKCS #8 header of every RSA key, as the database would hold it.
    server.keepSecret(
      Buffer.from("308204bd020100300d06092a864886f70d010101", "hex").toString("latin1").slice(4),
    );
  });
});

async function bootstrappedRunner() {
  const { runner, exchangeToken } = await server
    .client(RunnerService)
    .createRunner({ name: "runner", provider: RunnerProvider.GCP });
  const { accessToken } = await server
    .client(IdentityService, { token: null })
    .exchangeToken({ exchangeToken });
  return { runnerId: runner?.runnerId ?? "", token: accessToken };
}

describe("a logs token", () => {
  const logsToken = async (runnerId: string, who?: Pick<Someone, "token">) => {
    const client = server.client(RunnerService, who === undefined ? {} : { token: who.token });
    const { accessToken } = await client.createRunnerLogsToken({ runnerId });
    server.keepSecret(accessToken);
    return accessToken;
  };

  test("reads the logs of one runner for an hour, at the address that the runner gave", async () => {
    const { runnerId, token } = await bootstrappedRunner();
    const admin = await operator(server);
    const { verify } = await verifier();
    const early = await verify(await logsToken(runnerId), { audience: runnerId });
    const iat = Math.floor(server.clock.now() / 1000);
    expect(early.protectedHeader.typ).toBe("logs+jwt");
    expect(early.payload).toMatchObject({
      sub: `user:${admin.id}`,
      scope: "logs:read",
      runner_id: runnerId,
      organization_id: admin.organizationId,
      exp: iat + 3600,
    });
    const logUrl = "https://logs.example/runner";
    await server.client(RunnerAgentService, { token }).renewRegistration({ status: { logUrl } });
    await verify(await logsToken(runnerId), { audience: logUrl });
  });

  test("cannot be mistaken for an id token, nor the other way round", async () => {
    const { runnerId } = await bootstrappedRunner();
    const logs = await logsToken(runnerId);
    const posing = await idToken(undefined, { audience: [runnerId] });
    expect(decodeProtectedHeader(posing).typ).not.toBe(decodeProtectedHeader(logs).typ);
    expect(decodeJwt(posing)).not.toHaveProperty("scope");
  });

  test("is for admins of the runner", async () => {
    const { runnerId, token } = await bootstrappedRunner();
    const member = await newUser(server);
    expect(await refusal(logsToken(runnerId, member))).toMatchObject({ code: "not_found" });
    expect(await refusal(logsToken(runnerId, { token }))).toMatchObject({ code: "permission_denied" });
    await logsToken(runnerId);
    const { entries } = await server
      .client(EventService)
      .listAuditLogs({ filter: { subjectIds: [runnerId] }, pagination: { pageSize: 1 } });
    expect(entries[0]?.action).toBe("runner.create_logs_token");
  });
});
