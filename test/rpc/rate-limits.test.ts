import { afterEach, describe, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/grpc/health/v1/health_pb.js";
import type { CallRates } from "../../src/domain/limits/call-limits.ts";
import { wires } from "../support/clients.ts";
import { plainRequest } from "../support/http.ts";
import { refusal } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

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

test.each(["/metrics", "/metrics/runners"])(
  "%s counts for its token, and what is refused for its address",
  async (path) => {
    await start({ perToken: 1, perAddress: 1 });
    const scrape = (token: string) =>
      plainRequest(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect((await scrape("a-guess")).status).toBe(401);
    const refused = await scrape("another-guess");
    expect(refused.status).toBe(429);
    expect(refused.headers["retry-after"]).toBe("1");
    expect(refused.json()).toMatchObject({ code: "resource_exhausted" });
    expect((await scrape(adminToken)).status).toBe(200);
    expect((await scrape(adminToken)).status).toBe(429);
    // Of calls and scrapes alike.
    expect(await refusal(server.client(RunnerService).listRunners({}))).toMatchObject({
      reason: "RATE_LIMITED",
    });
    server.clock.advance(1000);
    expect((await scrape("a-guess")).status).toBe(401);
  },
);

test("what is published for verifiers of tokens counts for the address", async () => {
  await start({ perAddress: 2 });
  const paths = ["openid-configuration", "jwks.json", "openid-configuration", "jwks.json"];
  const statuses: number[] = [];
  for (const path of paths) statuses.push((await plainRequest(`${server.url}/.well-known/${path}`)).status);
  expect(statuses).toEqual([200, 200, 429, 429]);
});

test("health checks are answered from an address that calls too often, and do not fill the log", async () => {
  await start({ perAddress: 1 });
  await refusal(stranger("").getAuthenticatedIdentity({}));
  expect(await refusal(stranger("").getAuthenticatedIdentity({}))).toMatchObject({ reason: "RATE_LIMITED" });
  for (const wire of wires) {
    const health = server.client(Health, { token: null, wire });
    expect(await health.check({})).toMatchObject({ status: HealthCheckResponse_ServingStatus.SERVING });
    await health.list({});
    const unknown = await refusal(health.check({ service: "x".repeat(1000) }));
    expect(unknown.code).toBe("not_found");
    expect(unknown.message.length).toBeLessThan(200);
  }
  for (const path of ["/healthz", "/readyz"])
    expect((await plainRequest(server.url + path)).status).toBe(200);
  const refused = server.log.lines().filter(({ code }) => code === "not_found");
  expect(new Set(refused.map(({ level }) => level))).toEqual(new Set([20]));
});

test("health checks use up nothing of what their address may call otherwise", async () => {
  await start({ perAddress: 1 });
  const health = server.client(Health, { token: null });
  for (let times = 0; times < 5; times += 1) await health.check({});
  expect((await refusal(stranger("").getAuthenticatedIdentity({}))).reason).toBe("TOKEN_UNKNOWN");
  expect((await refusal(stranger("").getAuthenticatedIdentity({}))).reason).toBe("RATE_LIMITED");
});

test("the failed health checks of an address do not fill the log", async () => {
  await start({ perAddress: 1 });
  const health = server.client(Health, { token: null });
  for (let times = 0; times < 5; times += 1) await refusal(health.check({ service: "unknown" }));
  const levels = server.log.lines().filter(({ code }) => code === "not_found");
  expect(levels.filter(({ level }) => Number(level) > 20)).toHaveLength(1);
});

test("an unknown service is told and logged as far as it can be known again", async () => {
  await start({});
  const unknown = refusal(server.client(Health, { token: null }).check({ service: "x".repeat(1000) }));
  expect((await unknown).message.length).toBeLessThan(200);
  expect(server.log.text()).toContain("unknown service");
  expect(server.log.text()).not.toContain("x".repeat(200));
});
