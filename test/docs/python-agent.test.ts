import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { until } from "../support/eventually.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

// The agent in Python that docs/agent-protocol.md shows, with Python's standard library alone.

let dir: string;
let children: ChildProcess[];
let server: TestServer;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-python-"));
  children = [];
  server = await startTestServer();
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await server.close();
  rmSync(dir, { recursive: true });
});

function start(): { readonly child: ChildProcess; readonly ended: Promise<[number | null, string]> } {
  const words = [server.url, join(dir, "token"), join(dir, "state")];
  const child = spawn("python3", ["docs/agent.py", ...words], { stdio: ["ignore", "inherit", "pipe"] });
  children.push(child);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = once(child, "close").then(([code]): [number | null, string] => [code, said]);
  return { child, ended };
}

test("registers, comes back after a restart without its token, signs off, and ends for a reason of the server's", async () => {
  const operator = server.client(RunnerService);
  const made = await operator.createRunner({ name: "python", provider: RunnerProvider.GCP });
  writeFileSync(join(dir, "token"), made.exchangeToken);
  server.keepSecret(made.exchangeToken);
  const runnerId = made.runner?.runnerId ?? "";
  const status = async () => (await operator.getRunner({ runnerId })).runner?.status;
  for (const _start of ["first", "second"]) {
    const { child, ended } = start();
    // The phase is the lease's, in memory; the version is read once its commit is durable.
    await until("active, with its version", async () => {
      const seen = await status();
      return seen?.phase === RunnerPhase.ACTIVE && seen.version === "python-agent/1";
    });
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, ""]);
    expect(await status()).toMatchObject({ phase: RunnerPhase.INACTIVE, message: "signed off" });
    rmSync(join(dir, "token"), { force: true });
  }
  const { token } = JSON.parse(readFileSync(join(dir, "state"), "utf8"));
  server.keepSecret(token);
  await operator.deleteRunner({ runnerId, force: true });
  expect(await start().ended).toEqual([1, "refused: RUNNER_DELETED\n"]);
});
