import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/config.ts";
import { startServer } from "../../src/server.ts";
import { createLog } from "../../src/telemetry/logger.ts";
import { bootstrapped } from "../fleet/fixture.ts";
import { plainRequest } from "../support/http.ts";
import { noSocketLeft, portRefuses } from "../support/leftovers.ts";
import { scrape } from "../support/metrics.ts";
import { newOrganization, newServiceAccount, newUser } from "../support/people.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

describe("/metrics counts the runners of all organisations, so it", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startTestServer();
  });
  afterEach(() => server.close());

  const status = async (token: string | null) => {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    return (await plainRequest(`${server.url}/metrics`, { headers })).status;
  };

  test("is read by operators, with a read-only token too, and by service accounts of their organisation", async () => {
    const reader = await newUser(server, { admin: true, readOnly: true });
    const scraper = await newServiceAccount(server, "prometheus");
    for (const token of [adminToken, reader.token, scraper.token]) expect(await status(token)).toBe(200);
  });

  test("is closed to everybody else", async () => {
    const member = await newUser(server);
    const other = await newOrganization(server);
    const runner = await bootstrapped(server);
    for (const token of [member.token, other.token, runner.token, "nobody's", null]) {
      expect(await status(token)).toBe(401);
    }
  });

  test("tells a stranger how to get in, and nothing of the fleet", async () => {
    const answer = await plainRequest(`${server.url}/metrics`);
    expect(answer.json()).toEqual({
      code: "unauthenticated",
      message: "send an operator's access token as bearer",
    });
    expect(answer.headers["www-authenticate"]).toBe("Bearer");
  });

  test("comes as the text format that Prometheus asks for, and is not kept by caches", async () => {
    const answer = await plainRequest(`${server.url}/metrics`, {
      headers: { authorization: `Bearer ${adminToken}` },
    });
    expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.text).toContain("# TYPE rollcall_calls_total counter\n");
    expect(answer.text.endsWith("\n")).toBe(true);
  });
});

describe("the metrics port", () => {
  const start = (settings: Record<string, string>, chunks: string[] = []) =>
    startServer(parseConfig({ port: "0", "data-dir": ":memory:", ...settings }), {
      log: createLog("info", false, { write: (chunk) => void chunks.push(chunk) }),
    });

  test("is not there unless it is asked for", async () => {
    const server = await start({});
    expect(server.metricsUrl).toBeNull();
    await server.close();
  });

  test("shows metrics without a token, and nothing else", async () => {
    const server = await start({ "metrics-port": "0" });
    const url = server.metricsUrl ?? "";
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const answer = await plainRequest(url);
    expect([answer.status, answer.headers["content-type"]]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
    ]);
    expect(answer.text).toContain("\nrollcall_build_info{");
    const { origin } = new URL(url);
    for (const path of ["/", "/healthz", "/metrics/runners", "/gitpod.v1.RunnerService/ListRunners"]) {
      const method = path.includes("Service") ? "POST" : "GET";
      expect([path, (await plainRequest(origin + path, { method })).status]).toEqual([path, 404]);
    }
    expect((await plainRequest(url, { method: "POST" })).status).toBe(405);
    await server.close();
    await portRefuses(url);
    await noSocketLeft();
  });

  test("of this machine alone answers no name that a web page can have", async () => {
    const server = await start({ "metrics-port": "0" });
    const statusFor = async (host: string) =>
      (await plainRequest(server.metricsUrl ?? "", { headers: { host } })).status;
    for (const host of [
      "evil.example",
      "evil.example:9464",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
    ]) {
      expect([host, await statusFor(host)]).toEqual([host, 421]);
    }
    for (const host of ["localhost", "LOCALHOST:9464", "rollcall.localhost", "127.0.0.1:1", "[::1]:9464"]) {
      expect([host, await statusFor(host)]).toEqual([host, 200]);
    }
    await server.close();
    const open = await start({ "metrics-port": "0", "metrics-host": "0.0.0.0" });
    const { port } = new URL(open.metricsUrl ?? "");
    const named = { headers: { host: "rollcall.monitoring.example" } };
    expect((await plainRequest(`http://127.0.0.1:${port}/metrics`, named)).status).toBe(200);
    await open.close();
  });

  test("is said to be open when other machines can reach it", async () => {
    const chunks: string[] = [];
    const server = await start({ "metrics-port": "0", "metrics-host": "0.0.0.0" }, chunks);
    await server.close();
    expect(chunks.join("")).toContain("metrics are shown to every client that reaches this address");
  });

  test("that is taken stops the start, which leaves nothing behind", async () => {
    const first = await start({ "metrics-port": "0" });
    const { port } = new URL(first.metricsUrl ?? "");
    await expect(start({ "metrics-port": port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await first.close();
    await noSocketLeft();
  });
});

test("a scrape holds neither a token nor a runner's id or name", async () => {
  const server = await startTestServer();
  const runner = await bootstrapped(server, { name: "secret-project-runner" });
  const { text } = await scrape(server);
  await server.close();
  for (const secret of [runner.id, runner.token, adminToken, "secret-project-runner"]) {
    expect(text).not.toContain(secret);
  }
});
