import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IdentityService } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerConfigurationService, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { QuestionKind, RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { type Clients, clientsOf } from "../support/clients.ts";
import { listening, startCommand } from "../support/command.ts";
import { plainRequest } from "../support/http.ts";
import { refusal } from "../support/refusal.ts";

/** A `rollcall serve` process that has had work of every kind, so that each of its metrics has series. */
export interface DrivenServer extends AsyncDisposable {
  /** Host and port of its metrics. */
  readonly metricsAddress: string;
  /** What a scraper reads. */
  scrape(): Promise<string>;
  /** More of the same calls. */
  drive(): Promise<void>;
}

const token = "test-admin-token-0123456789";

export async function startDrivenServer(): Promise<DrivenServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "rollcall-monitoring-"));
  const command = startCommand(["serve", "--port", "0", "--data-dir", dataDir, "--metrics-port", "0"], {
    ROLLCALL_ADMIN_TOKEN: token,
  });
  const url = await listening(command);
  const metricsUrl = /"metricsUrl":"([^"]+)"/.exec(command.stderr())?.[1];
  if (metricsUrl === undefined) throw new Error(`no metrics port:\n${command.stderr()}`);
  const clients = clientsOf(url);
  const leave = new AbortController();
  const runner = await liveRunner(clients, leave.signal);
  const drive = async () => {
    await runner.renew();
    await refusal(clients.client(RunnerService, { token }).getRunner({ runnerId: "nobody" }));
    await plainRequest(`${url}/gitpod.v1.RunnerService/Nothing`, { method: "POST" });
  };
  await drive();
  return {
    metricsAddress: new URL(metricsUrl).host,
    scrape: async () => (await plainRequest(metricsUrl)).text,
    drive,
    async [Symbol.asyncDispose]() {
      leave.abort();
      clients.close();
      command.process.kill("SIGTERM");
      const code = await command.exited;
      if (code !== 0) throw new Error(`rollcall ended with ${code}:\n${command.stderr()}`);
      rmSync(dataDir, { recursive: true });
    },
  };
}

/** A runner that renews and watches, and has been told something. */
async function liveRunner(clients: Clients, signal: AbortSignal) {
  const operator = clients.client(RunnerService, { token });
  const { runner, exchangeToken } = await operator.createRunner({
    name: "runner",
    provider: RunnerProvider.AWS_EC2,
  });
  const stranger = clients.client(IdentityService, { token: null });
  const { accessToken } = await stranger.exchangeToken({ exchangeToken });
  const agent = clients.client(RunnerAgentService, { token: accessToken });
  const status = { phase: RunnerPhase.ACTIVE, version: "1.0.0" };
  const { generation } = await agent.renewRegistration({ generation: 0, status });
  const watch = agent
    .watchRegistration({ generation, answers: [QuestionKind.CHECK_AUTHENTICATION] }, { signal })
    [Symbol.asyncIterator]();
  await operator.updateRunner({ runnerId: runner?.runnerId ?? "", name: "renamed" });
  await watch.next();
  const settings = clients.client(RunnerConfigurationService, { token });
  const runnerId = runner?.runnerId ?? "";
  await settings.createSCMIntegration({ runnerId, scmId: "github", host: "github.com", pat: true });
  const asked = operator.checkAuthenticationForHost({ runnerId, host: "github.com" });
  for (let answered = false; !answered; ) {
    const { done, value } = await watch.next();
    if (done) throw new Error("the stream ended before it brought the question");
    const { event } = value;
    if (event.case !== "question") continue;
    const questionId = event.value.id;
    await agent.answerQuestion({
      generation,
      questionId,
      outcome: { case: "checkAuthentication", value: {} },
    });
    answered = true;
  }
  await asked;
  return { renew: () => agent.renewRegistration({ generation }) };
}
