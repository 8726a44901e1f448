import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { agentWithHost, personalToken } from "../support/agent-with-host.ts";
import { adminToken, startTestServer } from "../support/server.ts";

const page = readFileSync(new URL("../../docs/source-code-hosts.md", import.meta.url), "utf8");
const recorded = [...page.matchAll(/^```sh\n(.*?)^```\n\n```json\n(.*?)^```$/gms)];

test("the session of docs/source-code-hosts.md goes as it is written down", async () => {
  expect(recorded).toHaveLength(6);
  const server = await startTestServer();
  const agent = await agentWithHost(server);
  const environment = {
    PATH: process.env.PATH,
    ROLLCALL_URL: server.url,
    ROLLCALL_TOKEN: adminToken,
    RUNNER: agent.runnerId,
    HOST_TOKEN: personalToken,
  };
  for (const [, command = "", answer = ""] of recorded) {
    const line = command.replaceAll("git.example", agent.host);
    const { stdout } = await promisify(execFile)("bash", ["-c", line], { env: environment });
    const said = JSON.parse(stdout.replaceAll(agent.host, "git.example"));
    expect(said).toEqual(whereWritten(JSON.parse(answer)));
  }
  await agent.close();
  await server.close();
});

/** What is written `…` may be any text. */
function whereWritten(value: unknown): unknown {
  if (value === "…") return expect.any(String);
  if (Array.isArray(value)) return value.map(whereWritten);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, whereWritten(inner)]));
}
