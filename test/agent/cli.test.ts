import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { agentCommand } from "../../src/cli/agent.ts";
import { CommandEnded } from "../../src/cli/ended.ts";
import { until } from "../support/eventually.ts";
import { fakeTerminal } from "../support/terminal.ts";
import { FakeServer } from "./support/fake-server.ts";

const dir = mkdtempSync(join(tmpdir(), "rollcall-agent-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** @param stopped resolves when the agent is to be told to stop */
function run(words: readonly string[], stopped: Promise<string> = new Promise(() => {})) {
  const terminal = fakeTerminal({ environment: { XDG_STATE_HOME: dir }, stopRequested: () => stopped });
  const quiet = { writeOut: () => {}, writeErr: () => {} };
  const command = agentCommand(terminal).exitOverride().configureOutput(quiet);
  return {
    printed: terminal.printed,
    done: command.parseAsync([...words, "--log-level", "error"], { from: "user" }),
  };
}

const needed = ["--server", "http://127.0.0.1:1", "--token-file", join(dir, "token")];

test.each([
  [["--token-file", "t"], /--server/],
  [["--server", "http://127.0.0.1:1"], /--token-file/],
  [["--server", "nowhere", "--token-file", "t"], /http or https address/],
  [[...needed, "--capability", "fly"], /agent-execution/],
  [[...needed, "--info", "=x"], /key=value/],
  [[...needed, "--info", `a=${"x".repeat(1025)}`], /key=value/],
  [[...needed, "--region", "x".repeat(257)], /256 characters/],
  [[...needed, "--health-timeout", "0"], /whole seconds/],
  [[...needed, "--protocol", "smoke"], /grpc, connect/],
  [[...needed, "--client-cert", "c.pem"], /--client-cert and --client-key go together/],
])("refuses wrong words: %j", async (words, message) => {
  await expect(run(words).done).rejects.toThrow(message);
});

test("ends with the exit code and the line of what ended it", async () => {
  const ended = run(needed).done;
  await expect(ended).rejects.toThrow(CommandEnded);
  await expect(ended).rejects.toMatchObject({ exitCode: 20, message: expect.stringMatching(/no such file/) });
  await expect(run([...needed, "--ca", join(dir, "none.pem")]).done).rejects.toMatchObject({ exitCode: 20 });
});

test("reports what its flags say, and signs off on a signal", async () => {
  const server = new FakeServer();
  await server.start();
  writeFileSync(join(dir, "token"), "exchange-one");
  let signal = (_name: string): void => {};
  const stopped = new Promise<string>((resolve) => {
    signal = resolve;
  });
  const flags = ["--server", server.url.href, "--token-file", join(dir, "token"), "--region", "eu-1"];
  const repeated = [
    "--capability",
    "warm-pool",
    "--capability",
    "3",
    "--info",
    "rack=b12",
    "--info",
    "a=b=c",
  ];
  const { printed, done } = run([...flags, ...repeated, "--health", "echo 'disk full'; exit 1"], stopped);
  await until("renewal", () => server.renewals.length === 1);
  expect(server.renewals[0]?.status).toMatchObject({
    region: "eu-1",
    message: "health check: ended with 1: disk full",
    capabilities: { values: [11, 3] },
    additionalInfo: {
      entries: [
        { key: "rack", value: "b12" },
        { key: "a", value: "b=c" },
      ],
    },
  });
  signal("SIGTERM");
  await done;
  expect(printed).toEqual(["signed off"]);
  expect(server.signOffs).toHaveLength(1);
  await server.stop();
});
