import { afterAll, beforeAll, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const minute = 60_000;
const day = 24 * 60 * minute;

async function freshRunner() {
  const { runner, exchangeToken } = await server
    .client(RunnerService)
    .createRunner({ name: "bootstrapping", provider: RunnerProvider.AWS_EC2 });
  return { runnerId: runner?.runnerId ?? "", exchangeToken };
}

const exchange = (exchangeToken: string, key?: string) =>
  server
    .client(IdentityService, { token: null, headers: key === undefined ? {} : { "idempotency-key": key } })
    .exchangeToken({ exchangeToken });

const whoami = (token: string) => server.client(IdentityService, { token }).getAuthenticatedIdentity({});

test("works once, and says which of the three it is when it does not", async () => {
  const { runnerId, exchangeToken } = await freshRunner();
  const { accessToken } = await exchange(exchangeToken);
  expect((await whoami(accessToken)).subject?.id).toBe(runnerId);
  const used = await refusal(exchange(exchangeToken));
  expect(used).toMatchObject({ code: "unauthenticated", reason: "EXCHANGE_TOKEN_USED" });
  const unknown = await refusal(exchange("rcexc_made-up"));
  expect(unknown).toMatchObject({ code: "unauthenticated", reason: "EXCHANGE_TOKEN_UNKNOWN" });
  const late = await freshRunner();
  server.clock.advance(day);
  const expired = await refusal(exchange(late.exchangeToken));
  expect(expired).toMatchObject({ code: "unauthenticated", reason: "EXCHANGE_TOKEN_EXPIRED" });
  expect(new Set([used.message, unknown.message, expired.message]).size).toBe(3);
});

test("lives for a day to the millisecond", async () => {
  const { exchangeToken } = await freshRunner();
  server.clock.advance(day - 1);
  await exchange(exchangeToken);
});

test("of 100 at once exactly one succeeds", async () => {
  const { exchangeToken } = await freshRunner();
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => exchange(exchangeToken)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("a lost answer can be asked for again with the same key, for ten minutes", async () => {
  const { exchangeToken } = await freshRunner();
  const lost = await exchange(exchangeToken, "first-try");
  server.clock.advance(10 * minute);
  const again = await exchange(exchangeToken, "first-try");
  expect(again.accessToken).not.toBe(lost.accessToken);
  expect(await refusal(whoami(lost.accessToken))).toMatchObject({ reason: "TOKEN_REVOKED" });
  await whoami(again.accessToken);
  expect(await refusal(exchange(exchangeToken))).toMatchObject({ reason: "EXCHANGE_TOKEN_USED" });
  expect(await refusal(exchange(exchangeToken, "another"))).toMatchObject({ reason: "EXCHANGE_TOKEN_USED" });
  server.clock.advance(1);
  expect(await refusal(exchange(exchangeToken, "first-try"))).toMatchObject({
    reason: "EXCHANGE_TOKEN_USED",
  });
  await whoami(again.accessToken);
});

test("twins with one key end with one token that works", async () => {
  const { exchangeToken } = await freshRunner();
  const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(exchangeToken, "twins")));
  const works = await Promise.allSettled(answers.map(({ accessToken }) => whoami(accessToken)));
  expect(works.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("a new exchange token leaves the earlier ones valid", async () => {
  const { runnerId, exchangeToken } = await freshRunner();
  const more = await server.client(RunnerService).createRunnerToken({ runnerId });
  expect(more.accessToken).toBe("");
  const second = await exchange(more.exchangeToken);
  const first = await exchange(exchangeToken);
  for (const { accessToken } of [first, second])
    expect((await whoami(accessToken)).subject?.id).toBe(runnerId);
});

test("dies with its runner", async () => {
  const { runnerId, exchangeToken } = await freshRunner();
  await server.client(RunnerService).deleteRunner({ runnerId });
  expect(await refusal(exchange(exchangeToken))).toMatchObject({ reason: "EXCHANGE_TOKEN_UNKNOWN" });
});

test.each(["", " ", "a b", "é", "k".repeat(256)])(
  "the key %j is refused, and nothing is used up",
  async (key) => {
    const { exchangeToken } = await freshRunner();
    const answer = await server.post(
      "gitpod.v1.IdentityService/ExchangeToken",
      { exchangeToken },
      {
        authorization: "",
        "idempotency-key": Buffer.from(key).toString("latin1"),
      },
    );
    expect(answer.status).toBe(400);
    await exchange(exchangeToken);
  },
);
