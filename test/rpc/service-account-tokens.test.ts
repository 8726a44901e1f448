import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService, Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { newOrganization, newServiceAccount, newUser, type Someone } from "../support/people.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * 60 * 1000;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const accounts = (who?: Pick<Someone, "token">) =>
  server.client(ServiceAccountService, who === undefined ? {} : { token: who.token });
const whoIs = (token: string) => server.client(IdentityService, { token }).getAuthenticatedIdentity({});

describe("tokens of a service account", () => {
  test("act as the account, and last no longer than it", async () => {
    const account = await newServiceAccount(server, "ci");
    expect(account.token).toMatch(/^rcsat_/);
    expect((await whoIs(account.token)).subject).toMatchObject({
      id: account.id,
      principal: Principal.SERVICE_ACCOUNT,
    });
    const end = server.clock.now() + dayMs;
    for (const [seconds, expiry] of [
      [60n, server.clock.now() + 60_000],
      [0n, end],
      [2_524_608_000n, end],
    ] as const) {
      const { token, serviceAccountToken } = await accounts(account).createServiceAccountToken({
        description: "step",
        validFor: { seconds },
      });
      expect(serviceAccountToken).toMatchObject({ serviceAccountId: account.id, description: "step" });
      expect(serviceAccountToken?.expiresAt && timestampMs(serviceAccountToken.expiresAt)).toBe(expiry);
      expect((await whoIs(token)).subject?.id).toBe(account.id);
    }
    server.clock.advance(dayMs);
    expect(await refusal(whoIs(account.token))).toMatchObject({ code: "unauthenticated" });
  });

  test("last for 30 minutes when an admin mints them, and never longer than the account", async () => {
    const account = await newServiceAccount(server, "ci");
    const minted = async () =>
      (await accounts().createServiceAccountAccessToken({ serviceAccountId: account.id })).token;
    const token = await minted();
    server.clock.advance(30 * minuteMs - 1);
    expect((await whoIs(token)).subject?.id).toBe(account.id);
    server.clock.advance(1);
    const expired = { code: "unauthenticated", reason: "TOKEN_EXPIRED" };
    expect(await refusal(whoIs(token))).toMatchObject(expired);
    server.clock.advance(dayMs - 31 * minuteMs);
    const last = await minted();
    expect((await whoIs(last)).subject?.id).toBe(account.id);
    const { tokens } = await accounts().listServiceAccountTokens({});
    expect(tokens[0]?.expiresAt && timestampMs(tokens[0].expiresAt)).toBe(server.clock.now() + minuteMs);
    server.clock.advance(minuteMs);
    expect(await refusal(whoIs(last))).toMatchObject(expired);
  });

  test("are the account's own: nobody else mints them but people who administer the organisation", async () => {
    const account = await newServiceAccount(server, "ci");
    const other = await newServiceAccount(server, "other");
    const member = await newUser(server);
    const stranger = await newOrganization(server);
    const asked = { serviceAccountId: account.id };
    expect(await refusal(accounts(other).createServiceAccountAccessToken(asked))).toMatchObject({
      code: "permission_denied",
      reason: "NOT_YOURSELF",
    });
    expect(await refusal(accounts(member).createServiceAccountAccessToken(asked))).toMatchObject({
      code: "permission_denied",
      reason: "ROLE_MISSING",
    });
    expect(await refusal(accounts(stranger).createServiceAccountAccessToken(asked))).toMatchObject({
      code: "not_found",
    });
    expect(await refusal(accounts().createServiceAccountToken({}))).toMatchObject({
      code: "permission_denied",
      reason: "NOT_A_SERVICE_ACCOUNT",
    });
  });

  test("are listed, read and revoked by the account and by admins, not by other accounts", async () => {
    const account = await newServiceAccount(server, "ci");
    const other = await newServiceAccount(server, "other");
    const { token, serviceAccountToken } = await accounts(account).createServiceAccountToken({});
    const asked = { serviceAccountTokenId: serviceAccountToken?.id ?? "" };
    const { tokens } = await accounts(account).listServiceAccountTokens({});
    expect(tokens.map(({ serviceAccountId }) => serviceAccountId)).toEqual([account.id, account.id]);
    expect((await accounts().listServiceAccountTokens({})).tokens).toHaveLength(3);
    expect((await accounts(account).getServiceAccountToken(asked)).token).toMatchObject({
      id: asked.serviceAccountTokenId,
      creator: { id: account.id },
    });
    for (const refused of await refusals([
      accounts(other).getServiceAccountToken(asked),
      accounts(other).deleteServiceAccountToken(asked),
    ])) {
      expect(refused).toMatchObject({ code: "not_found", reason: "TOKEN_NOT_FOUND" });
    }
    await accounts().deleteServiceAccountToken(asked);
    expect(await refusal(whoIs(token))).toMatchObject({ reason: "TOKEN_REVOKED" });
    expect((await whoIs(account.token)).subject?.id).toBe(account.id);
  });

  test("end what they have open when the account is suspended", async () => {
    const account = await newServiceAccount(server, "ci");
    const stop = new AbortController();
    const stream = server
      .client(EventService, { token: account.token })
      .watchEvents({}, { signal: stop.signal });
    const ended = refusal(
      (async () => {
        for await (const event of stream) expect(event.resourceId).toBe(account.id);
      })(),
    );
    await server.client(AdminService).suspendServiceAccount({ serviceAccountId: account.id });
    expect(await ended).toMatchObject({ code: "unauthenticated", reason: "SERVICE_ACCOUNT_SUSPENDED" });
    stop.abort();
  });

  test("are refused while the account is suspended, and for ever once it is deleted", async () => {
    const account = await newServiceAccount(server, "ci");
    const admins = server.client(AdminService);
    const asked = { serviceAccountId: account.id };
    const { serviceAccount } = await admins.suspendServiceAccount(asked);
    expect(serviceAccount?.suspended).toBe(true);
    expect(await refusal(whoIs(account.token))).toMatchObject({
      code: "unauthenticated",
      reason: "SERVICE_ACCOUNT_SUSPENDED",
    });
    await admins.resumeServiceAccount(asked);
    expect((await whoIs(account.token)).subject?.id).toBe(account.id);
    await accounts().deleteServiceAccount(asked);
    expect(await refusal(whoIs(account.token))).toMatchObject({ reason: "SERVICE_ACCOUNT_DELETED" });
  });
});
