import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { wires } from "./clients.ts";
import { plainRequest } from "./http.ts";
import { refusal } from "./refusal.ts";
import { startTestServer, type TestServer } from "./server.ts";

let server: TestServer;
afterEach(() => server.close());

describe("a server", () => {
  test.each(wires)("serves a runner's life over %s", async (wire) => {
    server = await startTestServer();
    const runners = server.client(RunnerService, { wire });
    const { runner } = await runners.createRunner({ name: "by wire", provider: RunnerProvider.AWS_EC2 });
    const runnerId = runner?.runnerId ?? "";
    expect((await runners.getRunner({ runnerId })).runner).toEqual(runner);
    const listed = await runners.listRunners({ pagination: { pageSize: 1 } });
    expect(listed.runners).toEqual([runner]);
    await runners.updateRunner({ runnerId, name: "renamed" });
    expect((await runners.getRunner({ runnerId })).runner?.name).toBe("renamed");
    await runners.deleteRunner({ runnerId });
    expect(await refusal(runners.getRunner({ runnerId }))).toMatchObject({
      code: "not_found",
      message: "runner not found",
      reason: "RUNNER_NOT_FOUND",
      domain: "rollcall",
    });
  });

  test("keeps everything over a restart", async () => {
    server = await startTestServer();
    const { runner, exchangeToken } = await server
      .client(RunnerService)
      .createRunner({ name: "lasting", provider: RunnerProvider.GCP });
    await server.restart();
    const runnerId = runner?.runnerId ?? "";
    expect((await server.client(RunnerService).getRunner({ runnerId })).runner).toEqual(runner);
    const { accessToken } = await server
      .client(IdentityService, { token: null })
      .exchangeToken({ exchangeToken });
    await server.restart();
    const runnerItself = server.client(IdentityService, { token: accessToken });
    expect((await runnerItself.getAuthenticatedIdentity({})).subject?.id).toBe(runnerId);
  });

  test("lets only its user read its files", async () => {
    server = await startTestServer();
    const { dataDir } = server.config;
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    const files = readdirSync(dataDir);
    expect(files).toEqual(expect.arrayContaining(["rollcall.db", "rollcall.db-wal", "server.key"]));
    for (const file of files) {
      expect([file, (statSync(join(dataDir, file)).mode & 0o777).toString(8)]).toEqual([file, "600"]);
    }
  });

  test("runs in memory without a file", async () => {
    server = await startTestServer({ config: { dataDir: ":memory:" } });
    await server.client(RunnerService).createRunner({ name: "volatile", provider: RunnerProvider.GCP });
    expect((await plainRequest(`${server.url}/readyz`)).status).toBe(200);
  });
});
