import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { ServiceAccountService } from "../../gen/gitpod/v1/service_account_pb.js";
import { UserService } from "../../gen/gitpod/v1/user_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { defaultQuotas, type Quotas } from "../../src/domain/limits/quotas.ts";
import { RunnerProvider } from "../../src/domain/runners/enums.ts";
import { besideServer } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { newOrganization, operator } from "../support/people.ts";
import { byUser } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
afterEach(() => server.close());

const start = async (quotas: Partial<Quotas>) => {
  server = await startTestServer({ config: { quotas: { ...defaultQuotas, ...quotas } } });
};
const create = (options: { token?: string; headers?: Record<string, string> } = {}) =>
  server.client(RunnerService, options).createRunner({ name: "runner", provider: RunnerProvider.AWS_EC2 });
const exchange = (exchangeToken: string) =>
  server.client(IdentityService, { token: null }).exchangeToken({ exchangeToken });

/** Opens a stream up to its first message; `end` closes it. */
async function opened<T>(
  watch: (signal: AbortSignal) => AsyncIterable<T>,
): Promise<{ end(): Promise<void> }> {
  const abort = new AbortController();
  const stream = watch(abort.signal)[Symbol.asyncIterator]();
  await stream.next();
  return {
    async end() {
      abort.abort();
      await stream.next().catch(() => {});
    },
  };
}

test("an organisation has so many runners, and one that is deleted makes room", async () => {
  // One is the server's own.
  await start({ runners: 3 });
  const headers = { "idempotency-key": "the-first" };
  const { runner } = await create({ headers });
  await create();
  const { message, ...told } = await refusal(create());
  expect(told).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_RUNNERS" });
  expect(message).toBe(
    "there are 3 runners in this organization already: delete some, or have the operator raise --max-runners",
  );
  expect((await create({ headers })).runner?.runnerId).toBe(runner?.runnerId);
  const neighbour = await newOrganization(server);
  await create({ token: neighbour.token });
  await server.client(RunnerService).deleteRunner({ runnerId: runner?.runnerId ?? "" });
  await create();
  expect((await refusal(create())).reason).toBe("TOO_MANY_RUNNERS");
  await server.restart();
  expect((await refusal(create())).reason).toBe("TOO_MANY_RUNNERS");
});

test("creates at the same time get no further", async () => {
  await start({ runners: 11 });
  const made = await Promise.allSettled(Array.from({ length: 50 }, () => create()));
  expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
});

test("a runner has so many unused exchange tokens, and a used one makes room", async () => {
  await start({ exchangeTokens: 3 });
  const { runner, exchangeToken } = await create();
  const mint = () => server.client(RunnerService).createRunnerToken({ runnerId: runner?.runnerId ?? "" });
  await mint();
  await mint();
  const { message, ...told } = await refusal(mint());
  expect(told).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_TOKENS" });
  expect(message).toContain("exchange tokens of this runner");
  expect(message).toContain("--max-exchange-tokens");
  await exchange(exchangeToken);
  await mint();
});

test("a runner has so many access tokens, a refused exchange can be made good, and a repeat is none more", async () => {
  await start({ accessTokens: 2 });
  const { runner, exchangeToken } = await create();
  const mint = () => server.client(RunnerService).createRunnerToken({ runnerId: runner?.runnerId ?? "" });
  await exchange(exchangeToken);
  const second = await mint();
  const again = server.client(IdentityService, { token: null, headers: { "idempotency-key": "again" } });
  await again.exchangeToken({ exchangeToken: second.exchangeToken });
  await again.exchangeToken({ exchangeToken: second.exchangeToken });
  const third = await mint();
  const { message, ...told } = await refusal(exchange(third.exchangeToken));
  expect(told).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_TOKENS" });
  expect(message).toContain("--max-access-tokens");
  const { id: adminId, organizationId } = await operator(server);
  await besideServer(server.config.dataDir, async ({ tokens }) => {
    const [one] = await tokens.listAccessTokens(organizationId, runner?.runnerId);
    await tokens.revokeAccessToken(byUser(adminId, organizationId), one?.id ?? "", server.clock.now());
  });
  await exchange(third.exchangeToken);
});

test("a user has so many access tokens", async () => {
  await start({ accessTokens: 2 });
  const users = server.client(UserService);
  const { user } = await users.getAuthenticatedUser({});
  const mint = () =>
    server.client(AdminService).createUserToken({ userId: user?.id ?? "", description: "one more" });
  await mint();
  expect(await refusal(mint())).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_TOKENS" });
});

test("tokens that have expired count against no quota, whatever they are for", async () => {
  await start({ accessTokens: 2, shortLivedTokens: 2, exchangeTokens: 2 });
  const users = server.client(UserService);
  const accounts = server.client(ServiceAccountService);
  const dayMs = 24 * 60 * 60 * 1000;
  // It has a token already, as the admin and the runner have.
  const validUntil = timestampFromMs(server.clock.now() + 2 * dayMs);
  const { serviceAccount } = await accounts.createServiceAccount({ name: "terraform", validUntil });
  const serviceAccountId = serviceAccount?.id ?? "";
  await accounts.createServiceAccountAccessToken({ serviceAccountId });
  const userId = (await users.getAuthenticatedUser({})).user?.id ?? "";
  const runnerId = (await create()).runner?.runnerId ?? "";
  const mints = [
    () => users.createPersonalAccessToken({ userId, validFor: { seconds: 3600n } }),
    () => accounts.createServiceAccountAccessToken({ serviceAccountId }),
    () => server.client(RunnerService).createRunnerToken({ runnerId }),
  ];
  const full = { code: "resource_exhausted", reason: "TOO_MANY_TOKENS" };
  for (const mint of mints) {
    await mint();
    expect(await refusal(mint())).toMatchObject(full);
  }
  server.clock.advance(dayMs);
  for (const mint of mints) await mint();
});

test("a runner has so many streams open, and one that ends makes room", async () => {
  await start({ runnerStreams: 2 });
  const { exchangeToken } = await create();
  const { accessToken } = await exchange(exchangeToken);
  const agent = server.client(RunnerAgentService, { token: accessToken });
  const { generation } = await agent.renewRegistration({});
  const open = () => opened((signal) => agent.watchRegistration({ generation }, { signal }));
  const [first, second] = await Promise.all([open(), open()]);
  const { message, ...told } = await refusal(open());
  expect(told).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_WATCHES", retrySeconds: 30 });
  expect(message).toContain("--max-runner-streams");
  await first?.end();
  // The server hears a moment later that a stream has ended.
  const third = await eventually(() => open());
  await Promise.all([second?.end(), third.end()]);
});

test("an organisation has so many event streams open, another one its own, and one that ends makes room", async () => {
  await start({ eventStreams: 2 });
  const neighbour = await newOrganization(server);
  const made: Promise<unknown>[] = [];
  const open = (token?: string) => {
    const events = server.client(EventService, token === undefined ? {} : { token });
    const scope = { case: "organization", value: true } as const;
    // An event is the first that a watch hears.
    const onHeader = () => void made.push(create(token === undefined ? {} : { token }));
    return opened((signal) => events.watchEvents({ scope }, { signal, onHeader }));
  };
  const [first, second] = await Promise.all([open(), open()]);
  const { message, ...told } = await refusal(open());
  expect(told).toMatchObject({ code: "resource_exhausted", reason: "TOO_MANY_WATCHES", retrySeconds: 30 });
  expect(message).toContain("--max-event-streams");
  const theirs = await open(neighbour.token);
  await first?.end();
  // The server hears a moment later that a stream has ended.
  const third = await eventually(() => open());
  await Promise.all([second?.end(), third.end(), theirs.end(), ...made]);
});
