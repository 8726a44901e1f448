import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { runCommand } from "../../src/cli/command.ts";
import { refusal } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";
import { fakeTerminal } from "../support/terminal.ts";
import { type Agent, live, pass, statusOf } from "./fixture.ts";

let server: TestServer;
let dir: string;
beforeEach(async () => {
  server = await startTestServer();
  dir = mkdtempSync(join(tmpdir(), "rollcall-incident-"));
});
afterEach(async () => {
  rmSync(dir, { recursive: true });
  await server.close();
});

/** What the audit log has of acknowledged incidents. */
async function acknowledged() {
  const { entries } = await server.client(EventService).listAuditLogs({ pagination: { pageSize: 100 } });
  return entries.filter(({ action }) => action === "incident.acknowledge");
}

/** Has 12 of 30 runners fall silent at once. @returns one of these */
async function massLapse(): Promise<Agent> {
  const agents: Agent[] = [];
  for (let index = 0; index < 30; index++) agents.push(await live(server, { name: `runner ${index}` }));
  const [silent] = agents as [Agent];
  await pass(server, 30_000, silent.id);
  for (const agent of agents.slice(12)) await agent.renew();
  await pass(server, 16_000, silent.id);
  return silent;
}

const messageOf = async ({ id }: Agent) => (await statusOf(server, id)).message;

test("an operator ends an incident: its runners are gone, not unreachable, and one entry says who said so", async () => {
  const silent = await massLapse();
  expect(await messageOf(silent)).toMatch(/^unreachable since /);
  const admin = server.client(AdminService);
  // Of another provider there is none.
  expect(await admin.acknowledgeIncident({ provider: RunnerProvider.GCP })).toMatchObject({ runners: 0 });
  expect(await acknowledged()).toEqual([]);
  expect(await admin.acknowledgeIncident({ provider: RunnerProvider.AWS_EC2 })).toMatchObject({
    runners: 12,
  });
  expect(await messageOf(silent)).not.toMatch(/unreachable/);
  expect(await acknowledged()).toMatchObject([{ subjectId: "AWS_EC2" }]);
  expect(server.log.lines()).toContainEqual(
    expect.objectContaining({ kind: "ended", why: "acknowledged", runners: 12 }),
  );
  // Asked for again, it is so already.
  expect(await admin.acknowledgeIncident({ provider: RunnerProvider.AWS_EC2 })).toMatchObject({ runners: 0 });
  expect(await acknowledged()).toHaveLength(1);
});

test("the command line ends it by the provider's name, and tells a name that is none", async () => {
  await massLapse();
  const tokenFile = join(dir, "token");
  writeFileSync(tokenFile, adminToken);
  const acknowledge = async (provider: string) => {
    const terminal = fakeTerminal({ environment: { XDG_DATA_HOME: dir } });
    const words = ["admin", "incidents", "acknowledge", provider, "--server", server.url];
    const code = await runCommand([...words, "--token-file", tokenFile, "-o", "json"], terminal);
    return { code, out: terminal.printed.join("\n"), err: terminal.warned.join("\n") };
  };
  expect(await acknowledge("RUNNER_PROVIDER_MARS")).toMatchObject({ code: 1, out: "" });
  const { code, out } = await acknowledge("RUNNER_PROVIDER_AWS_EC2");
  expect([code, JSON.parse(out)]).toEqual([0, { runners: 12 }]);
  expect(await acknowledged()).toHaveLength(1);
});

test("a provider has to be named", async () => {
  for (const provider of [RunnerProvider.UNSPECIFIED, 99 as RunnerProvider]) {
    expect(await refusal(server.client(AdminService).acknowledgeIncident({ provider }))).toMatchObject({
      code: "invalid_argument",
    });
  }
});
