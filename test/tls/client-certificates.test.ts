import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { parseConfig } from "../../src/config/config.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { authority, type KeyPair, selfSigned } from "../support/certificate.ts";
import { type Clients, clientsOf, type Wire, wires } from "../support/clients.ts";
import { hotPathOn } from "../support/hot-path.ts";
import { portRefuses } from "../support/leftovers.ts";
import { capturedLog } from "../support/log.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { peerOf } from "./support/peer.ts";

const admin = "client-certificates-admin";
const folder = mkdtempSync(join(tmpdir(), "rollcall-mtls-"));
afterAll(() => rmSync(folder, { recursive: true }));
const own = selfSigned("server");
const runners = authority("runners");
const renewed = () => runners.issue("runner-1");
const mine = renewed();
const certFile = join(folder, "cert.pem");
const keyFile = join(folder, "key.pem");
const clientCaFile = join(folder, "clients.pem");
writeFileSync(certFile, own.cert);
writeFileSync(keyFile, own.key);
writeFileSync(clientCaFile, runners.cert);
const tlsFlags = { "tls-cert": certFile, "tls-key": keyFile };

let server: RunningServer;
let opened: Clients[];
beforeEach(() => {
  opened = [];
});
afterEach(async () => {
  for (const clients of opened) clients.close();
  await server.close();
  await portRefuses(server.url);
});

async function start(mode: "required" | "optional" | "off", dataDir = ":memory:"): Promise<void> {
  const clientFlags = mode === "off" ? {} : { "tls-client-ca": clientCaFile, "tls-client-auth": mode };
  const config = parseConfig({
    port: "0",
    "data-dir": dataDir,
    "admin-token": admin,
    ...tlsFlags,
    ...clientFlags,
  });
  server = await startServer({ ...config, hotPath: hotPathOn }, { log: capturedLog().log });
}

/** Clients that show this certificate, or none. */
function showing(pair: KeyPair | null): Clients {
  const clients = clientsOf(server.url, { ca: own.cert, ...pair });
  opened.push(clients);
  return clients;
}

async function register(): Promise<string> {
  const { exchangeToken } = await showing(null)
    .client(RunnerService, { token: admin })
    .createRunner({ name: "runner", provider: RunnerProvider.GCP });
  return exchangeToken;
}

const exchange = (pair: KeyPair | null, exchangeToken: string, wire: Wire = "grpc 2", headers = {}) =>
  showing(pair).client(IdentityService, { token: null, wire, headers }).exchangeToken({ exchangeToken });

const renew = (pair: KeyPair | null, token: string, wire: Wire = "grpc 2") =>
  showing(pair).client(RunnerAgentService, { token, wire }).renewRegistration({});

describe("a server that requires runners' certificates", () => {
  beforeEach(() => start("required"));

  test.each(wires)("lets runners in with one and not without, over %s", async (wire) => {
    const token = await register();
    expect(await refusal(exchange(null, token, wire))).toMatchObject({
      code: "unauthenticated",
      reason: "CLIENT_CERTIFICATE_REQUIRED",
    });
    // The refusal has not used the token up.
    const { accessToken } = await exchange(mine, token, wire);
    expect((await renew(mine, accessToken, wire)).generation).toBe(1);
    expect(await refusal(renew(null, accessToken, wire))).toMatchObject({
      code: "unauthenticated",
      reason: "CLIENT_CERTIFICATE_REQUIRED",
    });
  });

  test.each([
    ["of another authority", () => authority("runners").issue("runner-1"), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["that signed itself", () => selfSigned("runner-1"), "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["that has expired", () => runners.issue("runner-1", { days: 0 }), "CERT_HAS_EXPIRED"],
    [
      "for servers alone",
      () => runners.issue("runner-1", { extensions: ["extendedKeyUsage=serverAuth"] }),
      "INVALID_PURPOSE",
    ],
  ])("refuses one %s, and says why", async (_what, issue, why) => {
    const token = await register();
    const { accessToken } = await exchange(mine, token);
    const bad = issue();
    for (const refused of await refusals([exchange(bad, token), renew(bad, accessToken)])) {
      expect(refused).toMatchObject({
        code: "unauthenticated",
        reason: "CLIENT_CERTIFICATE_INVALID",
        message: expect.stringContaining(why),
      });
    }
  });

  test("a stolen token is worth nothing with another runner's certificate, whatever is called", async () => {
    const { accessToken } = await exchange(mine, await register());
    const thief = runners.issue("runner-2");
    const mismatch = { code: "unauthenticated", reason: "CLIENT_CERTIFICATE_MISMATCH" };
    expect(await refusal(renew(thief, accessToken))).toMatchObject(mismatch);
    const identity = showing(thief).client(IdentityService, { token: accessToken });
    expect(await refusal(identity.getIDToken({ audience: ["cloud"] }))).toMatchObject(mismatch);
    const without = showing(null).client(IdentityService, { token: accessToken });
    expect(await refusal(without.getIDToken({ audience: ["cloud"] }))).toMatchObject({
      reason: "CLIENT_CERTIFICATE_REQUIRED",
    });
  });

  test("a runner's renewed certificate of the same name is as good", async () => {
    const { accessToken } = await exchange(mine, await register());
    expect((await renew(renewed(), accessToken)).generation).toBe(1);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "a resumed session of %s shows what it began with",
    async (version) => {
      const { accessToken } = await exchange(mine, await register());
      const path = "/rollcall.v1.RunnerAgentService/RenewRegistration";
      const head = [
        `POST ${path} HTTP/1.1`,
        "Host: x",
        "Connection: close",
        "Content-Type: application/json",
      ];
      const request = [...head, `Authorization: Bearer ${accessToken}`, "Content-Length: 2", "", "{}"].join(
        "\r\n",
      );
      for (const [pair, status] of [
        [mine, 200],
        [null, 401],
      ] as const) {
        const options = { ca: own.cert, minVersion: version, maxVersion: version, ...pair };
        const { session } = await peerOf(server.url, options);
        const again = await peerOf(server.url, { ...options, session }, request);
        expect(again).toMatchObject({ resumed: true });
        expect(again.answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      }
    },
  );

  test("asks nobody else: people, programs, health checks", async () => {
    const people = showing(null).client(RunnerService, { token: admin });
    expect((await people.listRunners({})).runners).toEqual([]);
    // A browser may show whatever it has.
    const odd = showing(selfSigned("somebody")).client(RunnerService, { token: admin });
    expect((await odd.listRunners({})).runners).toEqual([]);
  });
});

describe("a server where certificates are optional", () => {
  beforeEach(() => start("optional"));

  test("lets runners in without one, and binds the tokens of those who show one", async () => {
    const plain = await exchange(null, await register());
    expect((await renew(null, plain.accessToken)).generation).toBe(1);
    const bound = await exchange(mine, await register());
    expect((await renew(mine, bound.accessToken)).generation).toBe(1);
    expect(await refusal(renew(null, bound.accessToken))).toMatchObject({
      reason: "CLIENT_CERTIFICATE_REQUIRED",
    });
    expect(await refusal(renew(runners.issue("runner-2"), bound.accessToken))).toMatchObject({
      reason: "CLIENT_CERTIFICATE_MISMATCH",
    });
  });

  test.each([
    ["with one", mine, null, runners.issue("runner-2")],
    ["without one", null, mine, runners.issue("runner-2")],
  ])("lets an exchange that was made %s be repeated that way alone", async (_how, first, other, third) => {
    const token = await register();
    const repeat = (pair: KeyPair | null) => exchange(pair, token, "grpc 2", { "idempotency-key": "lost" });
    const { accessToken } = await repeat(first);
    for (const pair of [other, third]) {
      expect(await refusal(repeat(pair))).toMatchObject({
        code: "unauthenticated",
        reason: pair === null ? "CLIENT_CERTIFICATE_REQUIRED" : "CLIENT_CERTIFICATE_MISMATCH",
      });
    }
    expect((await renew(first, accessToken)).generation).toBe(1);
    const again = await repeat(first === null ? null : renewed());
    expect((await renew(first, again.accessToken)).generation).toBe(2);
    expect(await refusal(renew(first, accessToken))).toMatchObject({ reason: "TOKEN_REVOKED" });
  });

  test("refuses one that is not valid rather than to overlook it", async () => {
    const { accessToken } = await exchange(null, await register());
    expect(await refusal(renew(selfSigned("runner-1"), accessToken))).toMatchObject({
      reason: "CLIENT_CERTIFICATE_INVALID",
    });
  });
});

test("what tokens are bound to lasts over restarts, and counts while the server asks for certificates", async () => {
  const dataDir = join(folder, "data");
  await start("required", dataDir);
  const { accessToken } = await exchange(mine, await register());
  const restart = async (mode: Parameters<typeof start>[0]) => {
    await server.close();
    await start(mode, dataDir);
  };
  await restart("optional");
  expect(await refusal(renew(runners.issue("runner-2"), accessToken))).toMatchObject({
    reason: "CLIENT_CERTIFICATE_MISMATCH",
  });
  await restart("off");
  expect((await renew(null, accessToken)).generation).toBe(1);
});

test("another authority counts from its reload on, for new connections", async () => {
  await start("required");
  const { accessToken } = await exchange(mine, await register());
  const open = showing(mine).client(RunnerAgentService, { token: accessToken });
  await open.renewRegistration({});
  const others = authority("others");
  writeFileSync(clientCaFile, others.cert);
  try {
    await server.reload();
    expect(await refusal(renew(mine, accessToken))).toMatchObject({ reason: "CLIENT_CERTIFICATE_INVALID" });
    expect((await renew(others.issue("runner-1"), accessToken)).generation).toBe(2);
    await expect(open.renewRegistration({})).resolves.toBeDefined();
  } finally {
    writeFileSync(clientCaFile, runners.cert);
  }
});
