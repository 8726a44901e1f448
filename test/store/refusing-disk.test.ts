import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { listening, startCommand } from "../support/command.ts";
import { postJson } from "../support/http.ts";

const token = "refusing-disk-admin-token";

test("a disk that takes nothing more: writes say so, reads and leases go on, and it passes without a restart", async () => {
  const dir = mkdtempSync(join(tmpdir(), "rollcall-refusing-"));
  const server = startCommand(["serve", "--port", "0", "--data-dir", dir], { ROLLCALL_ADMIN_TOKEN: token });
  const url = await listening(server);
  const post = (procedure: string, body: unknown, bearer = token) =>
    postJson(url, procedure, body, { authorization: `Bearer ${bearer}` });
  const create = () =>
    post("gitpod.v1.RunnerService/CreateRunner", { name: "a runner", provider: "RUNNER_PROVIDER_GCP" });
  const made = (await create()).json<{ runner: { runnerId: string }; exchangeToken: string }>();
  const exchanged = await post("gitpod.v1.IdentityService/ExchangeToken", {
    exchangeToken: made.exchangeToken,
  });
  const { accessToken } = exchanged.json<{ accessToken: string }>();
  const renew = (body: object) => post("rollcall.v1.RunnerAgentService/RenewRegistration", body, accessToken);
  expect((await renew({})).status).toBe(200);

  // The kernel refuses every write past the limit, as it does on a file system without room.
  limitFiles(server.process.pid, "1000");
  for (let i = 0; i < 20; i++) {
    const refused = await create();
    expect(refused.status).toBe(503);
    expect(refused.text).toContain("STORE_UNAVAILABLE");
    expect(refused.text).toContain("nothing was changed");
  }
  const list = await post("gitpod.v1.RunnerService/ListRunners", {});
  expect(list.json<{ runners: unknown[] }>().runners).toHaveLength(1);
  expect((await renew({ generation: 1 })).status).toBe(200);
  // News cannot be kept, and the agent is told so; it was heard all the same.
  const news = { generation: 1, status: { phase: "RUNNER_PHASE_DEGRADED", message: "low on memory" } };
  expect((await renew(news)).status).toBe(503);
  const read = await post("gitpod.v1.RunnerService/GetRunner", { runnerId: made.runner.runnerId });
  expect(read.json<{ runner: { status: object } }>().runner.status).toMatchObject({
    phase: "RUNNER_PHASE_DEGRADED",
  });
  expect((await fetch(`${url}/readyz`)).status).toBe(200);

  limitFiles(server.process.pid, "unlimited");
  expect((await create()).status).toBe(200);
  expect((await renew(news)).status).toBe(200);
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  const said = (words: string) =>
    server
      .stderr()
      .split("\n")
      .filter((line) => line.includes(words)).length;
  expect([said("the disk refuses writes"), said("the disk takes writes again")]).toEqual([1, 1]);
  rmSync(dir, { recursive: true });
}, 30_000);

/** The soft limit of the size of files that a process writes, which needs no rights to lower and to raise again. */
function limitFiles(pid: number | undefined, bytes: string): void {
  execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
}
