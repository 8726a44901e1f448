import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  HostAuthenticationTokenSource,
  RunnerConfigurationService,
  RunnerProvider,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import {
  type AgentEnd,
  type AgentHooks,
  commandHooks,
  openConnection,
  runAgent,
} from "../../src/agent/index.ts";
import { HostHttp } from "../../src/agent/scm/http.ts";
import { until } from "../support/eventually.ts";
import { refusal } from "../support/refusal.ts";
import { type HostReply, type HostRequest, type ScmHost, scmHost } from "../support/scm-host.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

// A person asks the server, the server the agent, the agent the host: each of them real.

const personal = "a-personal-token-of-the-host";

let server: TestServer;
let host: ScmHost;
let connections: https.Agent;
let dir: string;
let runnerId: string;
let stop: AbortController;
let end: Promise<AgentEnd> | undefined;
beforeEach(async () => {
  end = undefined;
  server = await startTestServer();
  server.keepSecret(personal);
  host = await scmHost();
  host.reply = gitHub;
  connections = new https.Agent({ ca: host.certificate.cert });
  dir = mkdtempSync(join(tmpdir(), "rollcall-agent-"));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await end;
  connections.destroy();
  await host.close();
  await server.close();
  rmSync(dir, { recursive: true });
});

const runners = () => server.client(RunnerService);
const settings = () => server.client(RunnerConfigurationService);
const link = () => `https://${host.host}/acme/tool`;
const check = () => runners().checkAuthenticationForHost({ runnerId, host: host.host });

/** Runs an agent, and waits until it is there to be asked. */
async function started(hooks: AgentHooks = {}): Promise<void> {
  const created = await runners().createRunner({ name: "build-eu", provider: RunnerProvider.AWS_EC2 });
  server.keepSecret(created.exchangeToken);
  runnerId = created.runner?.runnerId ?? "";
  writeFileSync(join(dir, "token"), created.exchangeToken);
  end = runAgent({
    tokenFile: join(dir, "token"),
    stateDir: join(dir, "state"),
    connection: openConnection({ server: new URL(server.url), protocol: "grpc" }),
    facts: { version: "agent/1", systemDetails: "{}", capabilities: [], additionalInfo: [] },
    hooks,
    stop: stop.signal,
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    hostHttp: new HostHttp(connections),
  });
  await until("the agent is active", async () => {
    const { runner } = await runners().getRunner({ runnerId });
    return runner?.status?.phase === RunnerPhase.ACTIVE && runner.status.publicKey.length > 0;
  });
  await settings().createSCMIntegration({ runnerId, scmId: "github", host: host.host, pat: true });
}

const signIn = () =>
  settings().createHostAuthenticationToken({
    runnerId,
    host: host.host,
    token: personal,
    source: HostAuthenticationTokenSource.PAT,
  });

/** What GitHub says to whom: a public repository to all, the rest to who is signed in. */
function gitHub({ path, headers }: HostRequest): HostReply | undefined {
  const isPublic = path === "/api/v3/repos/acme/tool";
  if (headers.authorization !== `Bearer ${personal}` && !isPublic)
    return { status: 401, body: { message: "Bad credentials" } };
  const repository = { full_name: "acme/tool", html_url: link() };
  switch (path) {
    case "/api/v3/user":
      return { body: { login: "kim" } };
    case "/api/v3/user/orgs":
      return { body: [{ login: "acme" }] };
    case "/api/v3/user/repos":
      return { body: [repository] };
    case "/api/v3/repos/acme/tool":
      return { body: { ...repository, clone_url: `${link()}.git`, default_branch: "main" } };
    default:
      return undefined;
  }
}

test("a host is asked in the name of who is signed in there, and of no other", async () => {
  await started();
  expect(await check()).toMatchObject({
    authenticated: false,
    scmId: "github",
    scmName: "GitHub",
    supportsPat: { createUrl: expect.stringContaining(host.host) },
    patSupported: true,
  });
  const organizations = () => runners().listSCMOrganizations({ runnerId, scmHost: host.host });
  expect(await refusal(organizations())).toMatchObject({
    code: "failed_precondition",
    message: `missing authentication token for ${host.host}`,
  });
  expect((await runners().searchRepositories({ runnerId })).repositories).toEqual([]);
  const { token } = await signIn();
  expect(await check()).toMatchObject({ authenticated: true });
  expect((await organizations()).organizations).toMatchObject([{ name: "acme" }]);
  expect((await runners().searchRepositories({ runnerId })).repositories).toMatchObject([
    { name: "acme/tool", url: link() },
  ]);
  await settings().deleteHostAuthenticationToken({ id: token?.id ?? "" });
  expect(await check()).toMatchObject({ authenticated: false });
});

test("a link is resolved, with the runner named or not, and access to it checked", async () => {
  await started();
  const git = { host: host.host, owner: "acme", repo: "tool", branch: "main", cloneUrl: `${link()}.git` };
  for (const named of [{ runnerId }, {}]) {
    const answer = await runners().parseContextURL({ contextUrl: link(), ...named });
    expect(answer).toMatchObject({ originalContextUrl: link(), scmId: "github", git });
  }
  expect(await runners().checkRepositoryAccess({ runnerId, repositoryUrl: link() })).toMatchObject({
    hasAccess: true,
  });
  await signIn();
  const missing = await runners().checkRepositoryAccess({ runnerId, repositoryUrl: `${link()}-2` });
  expect(missing).toMatchObject({ hasAccess: false, errorMessage: expect.stringContaining(host.host) });
});

const validated = () =>
  settings().validateRunnerConfiguration({
    runnerId,
    config: {
      case: "scmIntegration",
      value: { scmId: "github", host: host.host, pat: true },
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
if (token) appendFileSync(${JSON.stringify(seen)}, Buffer.from(token.sealedToken, "base64").toString() === ${JSON.stringify(personal)} ? "opened\\n" : "sealed\\n");
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
  expect(await refusal(runners().listSCMOrganizations({ runnerId, scmHost: host.host }))).toMatchObject({
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
