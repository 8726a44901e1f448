import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunnerConfigurationService, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { type AgentHooks, openConnection, runAgent } from "../../src/agent/index.ts";
import { HostHttp } from "../../src/agent/scm/http.ts";
import { until } from "./eventually.ts";
import { type HostReply, type HostRequest, scmHost } from "./scm-host.ts";
import type { TestServer } from "./server.ts";

/** The token of a person at the host. */
export const personalToken = "a-personal-token-of-the-host";

/** A real agent of a server, and the host that it asks. */
export interface AgentWithHost {
  readonly runnerId: string;
  /** Name and port of the host. */
  readonly host: string;
  /** Of the one repository that everyone may see. */
  readonly link: string;
  close(): Promise<void>;
}

/** Runs an agent with an SCM integration of a host like GitHub on this machine, and waits until it can be asked. */
export async function agentWithHost(server: TestServer, hooks: AgentHooks = {}): Promise<AgentWithHost> {
  server.keepSecret(personalToken);
  const host = await scmHost();
  const link = `https://${host.host}/acme/tool`;
  host.reply = (request) => gitHub(link, request);
  const connections = new https.Agent({ ca: host.certificate.cert });
  const dir = mkdtempSync(join(tmpdir(), "rollcall-agent-"));
  const runners = server.client(RunnerService);
  const created = await runners.createRunner({ name: "build-eu", provider: RunnerProvider.AWS_EC2 });
  server.keepSecret(created.exchangeToken);
  const runnerId = created.runner?.runnerId ?? "";
  writeFileSync(join(dir, "token"), created.exchangeToken);
  const stop = new AbortController();
  const end = runAgent({
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
    const { runner } = await runners.getRunner({ runnerId });
    return runner?.status?.phase === RunnerPhase.ACTIVE && runner.status.publicKey.length > 0;
  });
  await server
    .client(RunnerConfigurationService)
    .createSCMIntegration({ runnerId, scmId: "github", host: host.host, pat: true });
  return {
    runnerId,
    host: host.host,
    link,
    async close() {
      stop.abort();
      await end;
      connections.destroy();
      await host.close();
      rmSync(dir, { recursive: true });
    },
  };
}

/** What GitHub says to whom: a public repository to all, the rest to who is signed in. */
function gitHub(link: string, { path, headers }: HostRequest): HostReply | undefined {
  const isPublic = path === "/api/v3/repos/acme/tool";
  if (headers.authorization !== `Bearer ${personalToken}` && !isPublic)
    return { status: 401, body: { message: "Bad credentials" } };
  const repository = { full_name: "acme/tool", html_url: link };
  switch (path) {
    case "/api/v3/user":
      return { body: { login: "kim" } };
    case "/api/v3/user/orgs":
      return { body: [{ login: "acme" }] };
    case "/api/v3/user/repos":
      return { body: [repository] };
    case "/api/v3/repos/acme/tool":
      return { body: { ...repository, clone_url: `${link}.git`, default_branch: "main" } };
    default:
      return undefined;
  }
}
