import { afterEach, describe, expect, test } from "@jest/globals";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import type { CallRates } from "../../src/domain/limits/call-limits.ts";
import { wires } from "../support/clients.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
afterEach(() => server.close());

const start = async (rates: Partial<CallRates>, trusted: string[] = []) => {
  const callRates = { perToken: 0, perAddress: 0, burstSeconds: 1, ...rates };
  server = await startTestServer({ config: { callRates, trustedProxies: trusted } });
};
const stranger = (address: string) =>
  server.client(IdentityService, { token: "nobody-knows-this", headers: { "x-forwarded-for": address } });

describe.each(wires)("%s", (wire) => {
  test("a token that is used too often is told when to come back", async () => {
    await start({ perToken: 1, burstSeconds: 2 });
    const client = server.client(RunnerService, { wire });
    await client.listRunners({});
    await client.listRunners({});
    const { headers, ...told } = await refusal(client.listRunners({}));
    expect(told).toMatchObject({ code: "resource_exhausted", reason: "RATE_LIMITED", retrySeconds: 1 });
    expect(headers.get("retry-after")).toBe("1");
    expect(headers.get("ratelimit-retryafter")).toBe("1");
    server.clock.advance(1000);
    await client.listRunners({});
  });
});

test("a stranger's calls count for its address and leave those with a token alone", async () => {
  await start({ perAddress: 2 });
  const calls = Array.from({ length: 4 }, () => refusal(stranger("").getAuthenticatedIdentity({})));
  const codes = (await Promise.all(calls)).map(({ code }) => code).sort();
  expect(codes).toEqual(["resource_exhausted", "resource_exhausted", "unauthenticated", "unauthenticated"]);
  const exchange = server.client(IdentityService, { token: null }).exchangeToken({ exchangeToken: "x" });
  expect(await refusal(exchange)).toMatchObject({ reason: "RATE_LIMITED", retrySeconds: 0.5 });
  await server.client(IdentityService).getAuthenticatedIdentity({});
});

test("a trusted proxy tells the addresses apart, anybody else does not", async () => {
  await start({ perAddress: 1 }, ["127.0.0.1"]);
  const reason = async (address: string) =>
    (await refusal(stranger(address).getAuthenticatedIdentity({}))).reason;
  expect(await reason("203.0.113.1")).toBe("TOKEN_UNKNOWN");
  expect(await reason("203.0.113.1")).toBe("RATE_LIMITED");
  expect(await reason("203.0.113.2")).toBe("TOKEN_UNKNOWN");
  await server.close();
  await start({ perAddress: 1 });
  expect(await reason("203.0.113.1")).toBe("TOKEN_UNKNOWN");
  expect(await reason("203.0.113.2")).toBe("RATE_LIMITED");
});

test("who is refused for calling too often does not fill the log", async () => {
  await start({ perToken: 1 });
  const client = server.client(RunnerService);
  await client.listRunners({});
  for (let i = 0; i < 5; i += 1) await refusal(client.listRunners({}));
  const refused = server.log.lines().filter(({ msg }) => msg === "call refused");
  expect(refused.map(({ level }) => level)).toEqual([20, 20, 20, 20, 20]);
});
