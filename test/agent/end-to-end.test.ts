import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import {
  type AgentEnd,
  type AgentProtocol,
  agentProtocols,
  commandHooks,
  openConnection,
  runAgent,
} from "../../src/agent/index.ts";
import { eventually } from "../support/eventually.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

// The agent against the real server, in real time: what an operator sees of a runner's life.

let server: TestServer;
let runners: Client<typeof RunnerService>;
let dir: string;
/** Of this test, to be stopped even when it fails: nothing else ends them. */
let agents: { readonly end: Promise<AgentEnd>; stop(): void }[];
beforeEach(async () => {
  agents = [];
  server = await startTestServer();
  runners = server.client(RunnerService);
  dir = mkdtempSync(join(tmpdir(), "rollcall-agent-"));
});
afterEach(async () => {
  for (const agent of agents) agent.stop();
  await Promise.all(agents.map(({ end }) => end));
  await server.close();
  rmSync(dir, { recursive: true });
});

async function register(): Promise<string> {
  const created = await runners.createRunner({ name: "build-eu", provider: RunnerProvider.AWS_EC2 });
  server.keepSecret(created.exchangeToken);
  writeFileSync(join(dir, "token"), created.exchangeToken);
  return created.runner?.runnerId ?? "";
}

function start(protocol: AgentProtocol = "grpc", stateDir = "state") {
  const stop = new AbortController();
  const end = runAgent({
    tokenFile: join(dir, "token"),
    stateDir: join(dir, stateDir),
    connection: openConnection({ server: new URL(server.url), protocol }),
    facts: {
      version: "agent/1",
      systemDetails: "{}",
      capabilities: [3],
      additionalInfo: [{ key: "rack", value: "b12" }],
    },
    hooks: commandHooks({
      onSpec: `cat >> ${join(dir, "specs")}`,
      specTimeoutMs: 10_000,
      healthTimeoutMs: 10_000,
    }),
    stop: stop.signal,
    log: { debug: () => {}, info: () => {}, warn: () => {} },
  });
  const agent = { end, stop: () => stop.abort() };
  agents.push(agent);
  return agent;
}

/** The status once it has that phase. */
async function reaches(runnerId: string, phase: RunnerPhase) {
  return eventually(async () => {
    const status = (await runners.getRunner({ runnerId })).runner?.status;
    if (status?.phase !== phase) throw new Error(`phase is ${status?.phase}: ${status?.message}`);
    return status;
  });
}

test.each(agentProtocols)("lives its life over %s: live, paused, resumed, deleted", async (protocol) => {
  const runnerId = await register();
  const agent = start(protocol);
  // A lease is seen at once, what the runner reported with it once that is on disk.
  await eventually(async () =>
    expect(await reaches(runnerId, RunnerPhase.ACTIVE)).toMatchObject({
      version: "agent/1",
      capabilities: [3],
      additionalInfo: [{ key: "rack", value: "b12" }],
    }),
  );
  await runners.updateRunner({ runnerId, spec: { desiredPhase: RunnerPhase.INACTIVE } });
  expect((await reaches(runnerId, RunnerPhase.INACTIVE)).message).toMatch(/^paused by an operator/);
  await runners.updateRunner({ runnerId, spec: { desiredPhase: RunnerPhase.ACTIVE } });
  await reaches(runnerId, RunnerPhase.ACTIVE);
  await runners.deleteRunner({ runnerId });
  expect(await agent.end).toMatchObject({ kind: "WOUND_DOWN", exitCode: 0 });
  await expect(runners.getRunner({ runnerId })).rejects.toThrow("runner not found");
  const applied = readFileSync(join(dir, "specs"), "utf8").trim().split("\n");
  const specs = applied.map((line): unknown => JSON.parse(line));
  expect(specs[0]).toMatchObject({ runnerId, paused: false, spec: { desiredPhase: "RUNNER_PHASE_ACTIVE" } });
});

test("signs off when it is stopped, and comes back with what it kept", async () => {
  const runnerId = await register();
  const first = start();
  await reaches(runnerId, RunnerPhase.ACTIVE);
  first.stop();
  expect((await first.end).message).toBe("signed off");
  expect((await reaches(runnerId, RunnerPhase.INACTIVE)).message).toBe("signed off");
  rmSync(join(dir, "token"));
  const second = start();
  await reaches(runnerId, RunnerPhase.ACTIVE);
  second.stop();
  await second.end;
});

test("a copy of its state on another machine takes over, and the older one stops", async () => {
  const runnerId = await register();
  const first = start();
  await reaches(runnerId, RunnerPhase.ACTIVE);
  cpSync(join(dir, "state"), join(dir, "copy"), { recursive: true });
  const second = start("grpc", "copy");
  expect(await first.end).toMatchObject({ kind: "SUPERSEDED", exitCode: 15 });
  await reaches(runnerId, RunnerPhase.ACTIVE);
  second.stop();
  await second.end;
});

test("a runner that is deleted by force ends its agent at once", async () => {
  const runnerId = await register();
  const agent = start();
  await reaches(runnerId, RunnerPhase.ACTIVE);
  await runners.deleteRunner({ runnerId, force: true });
  expect((await agent.end).exitCode).toBe(14);
});
