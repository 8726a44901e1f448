import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  HostAuthenticationTokenSource,
  RunnerConfigurationService,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { type AgentHooks, commandHooks } from "../../src/agent/index.ts";
import { type AgentWithHost, agentWithHost, personalToken } from "../support/agent-with-host.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

// A person asks the server, the server the agent, the agent the host: each of them real.

let server: TestServer;
let agent: AgentWithHost | undefined;
let host: string;
let link: string;
let runnerId: string;
let dir: string;
beforeEach(async () => {
  agent = undefined;
  server = await startTestServer();
  dir = mkdtempSync(join(tmpdir(), "rollcall-answer-"));
});
afterEach(async () => {
  await agent?.close();
  await server.close();
  rmSync(dir, { recursive: true });
});

const runners = () => server.client(RunnerService);
const settings = () => server.client(RunnerConfigurationService);
const check = () => runners().checkAuthenticationForHost({ runnerId, host });

async function started(hooks: AgentHooks = {}): Promise<void> {
  agent = await agentWithHost(server, hooks);
  ({ runnerId, host, link } = agent);
}

const signIn = () =>
  settings().createHostAuthenticationToken({
    runnerId,
    host,
    token: personalToken,
    source: HostAuthenticationTokenSource.PAT,
  });

test("a host is asked in the name of who is signed in there, and of no other", async () => {
  await started();
  expect(await check()).toMatchObject({
    authenticated: false,
    scmId: "github",
    scmName: "GitHub",
    supportsPat: { createUrl: expect.stringContaining(host) },
    patSupported: true,
  });
  const organizations = () => runners().listSCMOrganizations({ runnerId, scmHost: host });
  expect(await refusal(organizations())).toMatchObject({
    code: "failed_precondition",
    message: `missing authentication token for ${host}`,
  });
  expect((await runners().searchRepositories({ runnerId })).repositories).toEqual([]);
  const { token } = await signIn();
  expect(await check()).toMatchObject({ authenticated: true });
  expect((await organizations()).organizations).toMatchObject([{ name: "acme" }]);
  expect((await runners().searchRepositories({ runnerId })).repositories).toMatchObject([
    { name: "acme/tool", url: link },
  ]);
  await settings().deleteHostAuthenticationToken({ id: token?.id ?? "" });
  expect(await check()).toMatchObject({ authenticated: false });
});

test("a link is resolved, with the runner named or not, and access to it checked", async () => {
  await started();
  const git = { host, owner: "acme", repo: "tool", branch: "main", cloneUrl: `${link}.git` };
  for (const named of [{ runnerId }, {}]) {
    const answer = await runners().parseContextURL({ contextUrl: link, ...named });
    expect(answer).toMatchObject({ originalContextUrl: link, scmId: "github", git });
  }
  expect(await runners().checkRepositoryAccess({ runnerId, repositoryUrl: link })).toMatchObject({
    hasAccess: true,
  });
  await signIn();
  const missing = await runners().checkRepositoryAccess({ runnerId, repositoryUrl: `${link}-2` });
  expect(missing).toMatchObject({ hasAccess: false, errorMessage: expect.stringContaining(host) });
});

const validated = () =>
  settings().validateRunnerConfiguration({
    runnerId,
    config: {
      case: "scmIntegration",
      value: { scmId: "github", host, pat: true },
    },
  });

test("a configuration has the server's verdict while the agent cannot try it out", async () => {
  await started();
  expect(await validated()).toMatchObject({ result: { case: "scmIntegration", value: { valid: true } } });
});

test("the command for questions sees the credential opened, answers, or leaves it to the agent", async () => {
  const script = join(dir, "answer.mjs");
  const seen = join(dir, "seen");
  writeFileSync(
    script,
    `import { appendFileSync, readFileSync } from "node:fs";
const question = JSON.parse(readFileSync(0, "utf8"));
const token = question.hosts[0].token;
if (token) appendFileSync(${JSON.stringify(seen)}, Buffer.from(token.sealedToken, "base64").toString() === ${JSON.stringify(personalToken)} ? "opened\\n" : "sealed\\n");
const invalid = { scmIntegration: { valid: false, hostError: "is not ours" } };
if (question.validate) console.log(JSON.stringify({ validate: invalid }));
if (question.organizations) console.log(JSON.stringify({ error: { code: 5, message: "none here" } }));
if (question.search) process.exit(3);
`,
  );
  const onQuestion = `${JSON.stringify(process.execPath)} ${JSON.stringify(script)}`;
  await started(commandHooks({ onQuestion, specTimeoutMs: 10_000, healthTimeoutMs: 10_000 }));
  await signIn();
  expect(await validated()).toMatchObject({ result: { value: { valid: false, hostError: "is not ours" } } });
  expect(await refusal(runners().listSCMOrganizations({ runnerId, scmHost: host }))).toMatchObject({
    code: "not_found",
    message: "none here",
  });
  expect(await refusal(runners().searchRepositories({ runnerId }))).toMatchObject({
    code: "unavailable",
    message: "the runner's command for questions failed",
  });
  expect(await check()).toMatchObject({ authenticated: true });
  expect(new Set(readFileSync(seen, "utf8").trim().split("\n"))).toEqual(new Set(["opened"]));
});
