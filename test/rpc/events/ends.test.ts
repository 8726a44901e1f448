import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Principal } from "../../../gen/gitpod/v1/identity_pb.js";
import { ServiceAccountService } from "../../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../../gen/rollcall/v1/admin_pb.js";
import { accessTokenLifetimeMs } from "../../../src/domain/service-accounts/service-account.ts";
import { bootstrapped } from "../../fleet/fixture.ts";
import { type Clients, clientsOf } from "../../support/clients.ts";
import { runInProcess } from "../../support/command-in-process.ts";
import { addToken } from "../../support/database.ts";
import { newServiceAccount, newUser } from "../../support/people.ts";
import { refusal } from "../../support/refusal.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { openWatch } from "./fixture.ts";

const dayMs = 24 * 60 * 60 * 1000;
const wires = ["grpc 2", "connect-binary 2", "connect-json 1.1", "grpc-web 1.1"] as const;
let server: TestServer;
let clients: Clients;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(() => {
  clients = clientsOf(server.url);
});
afterEach(() => clients.close());

/** A credential, and what ends it. */
interface Case {
  readonly token: string;
  readonly end: () => Promise<unknown>;
}

const users = (token: string) => server.client(UserService, { token });
const accounts = () => server.client(ServiceAccountService);
const operator = () => server.client(AdminService);
let names = 0;
const newAccount = () => newServiceAccount(server, `account ${++names}`);

async function cli(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runInProcess([...words, "--data-dir", server.config.dataDir]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

const cases: Record<string, { reason: string; make(): Promise<Case> }> = {
  "a personal token is revoked by its user": {
    reason: "TOKEN_REVOKED",
    async make() {
      const { id, token: own } = await newUser(server);
      const minted = await users(own).createPersonalAccessToken({ userId: id, description: "watching" });
      const { personalAccessTokens } = await users(own).listPersonalAccessTokens({});
      const found = personalAccessTokens.find(({ description }) => description === "watching");
      const asked = { personalAccessTokenId: found?.id ?? "" };
      return { token: minted.token, end: () => users(own).deletePersonalAccessToken(asked) };
    },
  },
  "a service account's token is revoked by an admin": {
    reason: "TOKEN_REVOKED",
    async make() {
      const { id, token } = await newAccount();
      const { tokens } = await accounts().listServiceAccountTokens({});
      const found = tokens.find(({ serviceAccountId }) => serviceAccountId === id);
      const asked = { serviceAccountTokenId: found?.id ?? "" };
      return { token, end: () => accounts().deleteServiceAccountToken(asked) };
    },
  },
  "a token is revoked by `rollcall token revoke`": {
    reason: "TOKEN_REVOKED",
    async make() {
      const token = (await cli("token", "create", "--description", "by hand")).trim();
      server.keepSecret(token);
      const list = JSON.parse(await cli("token", "list", "--output", "json")) as {
        id: string;
        description: string;
      }[];
      const id = list.find(({ description }) => description === "by hand")?.id ?? "";
      return { token, end: () => cli("token", "revoke", id) };
    },
  },
  "a runner's token is revoked by `rollcall token revoke`": {
    reason: "TOKEN_REVOKED",
    async make() {
      const { id: runner, token } = await bootstrapped(server);
      const [found] = JSON.parse(await cli("token", "list", "--runner", runner, "--output", "json"));
      return { token, end: () => cli("token", "revoke", found.id) };
    },
  },
  "a user is suspended": {
    reason: "USER_SUSPENDED",
    async make() {
      const { id: userId, token } = await newUser(server);
      return { token, end: () => operator().suspendUser({ userId }) };
    },
  },
  "an admin of the organisation suspends a user": {
    reason: "USER_SUSPENDED",
    async make() {
      const { id: userId, token } = await newUser(server);
      return { token, end: () => server.client(UserService).setSuspended({ userId, suspended: true }) };
    },
  },
  "a user is deleted": {
    reason: "USER_LEFT",
    async make() {
      const { id: userId, token } = await newUser(server);
      return { token, end: () => server.client(UserService).deleteUser({ userId }) };
    },
  },
  "a service account is suspended": {
    reason: "SERVICE_ACCOUNT_SUSPENDED",
    async make() {
      const { id: serviceAccountId, token } = await newAccount();
      return { token, end: () => operator().suspendServiceAccount({ serviceAccountId }) };
    },
  },
  "a service account is deleted": {
    reason: "SERVICE_ACCOUNT_DELETED",
    async make() {
      const { id: serviceAccountId, token } = await newAccount();
      return { token, end: () => accounts().deleteServiceAccount({ serviceAccountId }) };
    },
  },
  "a personal token expires": {
    reason: "TOKEN_EXPIRED",
    async make() {
      const { id: userId, token: own } = await newUser(server);
      const { token } = await users(own).createPersonalAccessToken({
        userId,
        validFor: { seconds: 60n, nanos: 0 },
      });
      return { token, end: async () => server.clock.advance(60_000) };
    },
  },
  "the time of a service account is over": {
    reason: "SERVICE_ACCOUNT_EXPIRED",
    async make() {
      const { id: subjectId, organizationId } = await newAccount();
      const principal = Principal.SERVICE_ACCOUNT;
      // One without an end of its own, which the server does not mint.
      const minted = await addToken(server.config.dataDir, { organizationId, subjectId, principal });
      return { token: minted.secret, end: async () => server.clock.advance(dayMs) };
    },
  },
};

describe("open streams end by themselves, on every protocol, when", () => {
  test.each(Object.entries(cases))("%s", async (_what, { reason, make }) => {
    const { token, end } = await make();
    const open = wires.map((wire) => openWatch(clients, { wire, token }));
    const other = openWatch(clients);
    await Promise.all([other, ...open].map(({ opened }) => opened));
    const ends = open.map(({ done }) => refusal(done));
    await end();
    for (const ended of await Promise.all(ends)) {
      expect(ended).toMatchObject({ code: "unauthenticated", reason });
    }
    // Nobody else's stream ends with it.
    const { id } = await newUser(server);
    while (!other.got.includes(`CREATE USER ${id}`)) await other.count(other.got.length + 1);
    await other.leave();
  });

  test("not a moment earlier than the deadline", async () => {
    const { token } = await newAccount();
    const open = openWatch(clients, { token });
    await open.opened;
    server.clock.advance(accessTokenLifetimeMs - 1);
    // A round of the server, which looks at deadlines before it tells anything.
    const { id: serviceAccountId } = await newAccount();
    const ended = refusal(open.done);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    await operator().suspendServiceAccount({ serviceAccountId });
    await newUser(server);
    expect(isOver).toBe(false);
    server.clock.advance(1);
    expect(await ended).toMatchObject({ reason: "TOKEN_EXPIRED" });
  });
});
