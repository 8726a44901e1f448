import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { addOrganization, addToken, besideServer } from "../support/database.ts";
import { byUser, newId } from "../support/records.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let organizationId: string;
let adminId: string;
beforeAll(async () => {
  server = await startTestServer();
  const who = await server.client(IdentityService).getAuthenticatedIdentity({});
  organizationId = who.organizationId;
  adminId = who.subject?.id ?? "";
});
afterAll(() => server.close());

const list = (token: string | null) => server.client(RunnerService, { token }).listRunners({});
const provider = RunnerProvider.AWS_EC2;

/** A registered runner with its own access token. */
async function bootstrapped(name: string) {
  const { runner, exchangeToken } = await server.client(RunnerService).createRunner({ name, provider });
  const { accessToken } = await server
    .client(IdentityService, { token: null })
    .exchangeToken({ exchangeToken });
  return { runnerId: runner?.runnerId ?? "", accessToken };
}

describe("a bearer that is not good", () => {
  test("missing", async () => {
    expect(await refusal(list(null))).toMatchObject({ code: "unauthenticated", reason: "TOKEN_MISSING" });
  });

  test.each(["Basic YTpi", "Bearer", "Bearer a b", "Bearer ü"])("malformed: %s", async (authorization) => {
    const answer = await server.post(
      "gitpod.v1.RunnerService/ListRunners",
      {},
      {
        authorization: Buffer.from(authorization).toString("latin1"),
      },
    );
    expect(answer.status).toBe(401);
    expect(answer.json().details).toEqual([
      expect.objectContaining({ debug: { reason: "TOKEN_MALFORMED", domain: "rollcall" } }),
    ]);
  });

  test("unknown, and the scheme is read in any case", async () => {
    expect(await refusal(list("rcpat_nobody"))).toMatchObject({
      code: "unauthenticated",
      reason: "TOKEN_UNKNOWN",
    });
    const lower = await server.post(
      "gitpod.v1.RunnerService/ListRunners",
      {},
      {
        authorization: `bearer ${adminToken}`,
      },
    );
    expect(lower.status).toBe(200);
  });

  test("expired to the millisecond", async () => {
    const expiresAt = server.clock.now() + 1000;
    const token = await addToken(server.config.dataDir, { organizationId, subjectId: adminId, expiresAt });
    server.clock.advance(999);
    await list(token.secret);
    server.clock.advance(1);
    expect(await refusal(list(token.secret))).toMatchObject({
      code: "unauthenticated",
      reason: "TOKEN_EXPIRED",
    });
  });

  test("revoked by another process: refused by the next call", async () => {
    const token = await addToken(server.config.dataDir, { organizationId, subjectId: adminId });
    await list(token.secret);
    await besideServer(server.config.dataDir, (store) =>
      store.tokens.revokeAccessToken(byUser(newId(), organizationId), token.id, server.clock.now()),
    );
    expect(await refusal(list(token.secret))).toMatchObject({
      code: "unauthenticated",
      reason: "TOKEN_REVOKED",
    });
  });
});

test("a read-only token reads, and changes nothing", async () => {
  const { secret } = await addToken(server.config.dataDir, {
    organizationId,
    subjectId: adminId,
    readOnly: true,
  });
  const client = server.client(RunnerService, { token: secret });
  const { runnerId } = await bootstrapped("read only");
  await client.listRunners({});
  await client.getRunner({ runnerId });
  for (const refused of await refusals([
    client.createRunner({ name: "not made", provider }),
    client.updateRunner({ runnerId, name: "not renamed" }),
    client.deleteRunner({ runnerId }),
    client.createRunnerToken({ runnerId }),
  ])) {
    expect(refused).toMatchObject({ code: "permission_denied", reason: "TOKEN_READ_ONLY" });
  }
  expect((await client.getRunner({ runnerId })).runner?.name).toBe("read only");
});

test("another organisation's runner does not exist", async () => {
  const { runnerId } = await bootstrapped("ours");
  const other = await addOrganization(server.config.dataDir);
  server.keepSecret(other.token);
  const theirs = server.client(RunnerService, { token: other.token });
  for (const refused of await refusals([
    theirs.getRunner({ runnerId }),
    theirs.updateRunner({ runnerId, name: "stolen" }),
    theirs.deleteRunner({ runnerId, force: true }),
    theirs.createRunnerToken({ runnerId }),
  ])) {
    expect(refused).toMatchObject({ code: "not_found", message: "runner not found" });
  }
  expect((await theirs.listRunners({})).runners).toEqual([]);
});

test("a runner's token can do nothing but be itself", async () => {
  const self = await bootstrapped("itself");
  const neighbour = await bootstrapped("neighbour");
  const identity = server.client(IdentityService, { token: self.accessToken });
  const { subject } = await identity.getAuthenticatedIdentity({});
  expect(subject).toMatchObject({ id: self.runnerId, principal: Principal.RUNNER });
  const client = server.client(RunnerService, { token: self.accessToken });
  expect((await client.getRunner({ runnerId: self.runnerId })).runner?.name).toBe("itself");
  expect((await client.listRunners({})).runners.map(({ runnerId }) => runnerId)).toEqual([self.runnerId]);
  const { runnerId } = self;
  for (const refused of await refusals([
    client.createRunner({ name: "offspring", provider }),
    client.updateRunner({ runnerId, name: "renamed" }),
    client.deleteRunner({ runnerId }),
    client.createRunnerToken({ runnerId }),
  ])) {
    expect(refused.code).toBe("permission_denied");
  }
  const foreign = { runnerId: neighbour.runnerId };
  expect((await refusal(client.getRunner(foreign))).code).toBe("not_found");
  // Of what it may never call it does not even hear whether there is such a runner.
  for (const refused of await refusals([client.updateRunner(foreign), client.deleteRunner(foreign)])) {
    expect(refused.code).toBe("permission_denied");
  }
});

test("a deleted runner is told so", async () => {
  const { runnerId, accessToken } = await bootstrapped("deleted");
  await server.client(RunnerService).deleteRunner({ runnerId });
  const whoami = server.client(IdentityService, { token: accessToken }).getAuthenticatedIdentity({});
  expect(await refusal(whoami)).toMatchObject({ code: "unauthenticated", reason: "RUNNER_DELETED" });
});
