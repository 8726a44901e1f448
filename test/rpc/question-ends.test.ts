import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunnerConfigurationService } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { questionLimits } from "../../src/domain/questions/question.ts";
import { type AnsweringRunner, type AnsweringStream, answeringRunner } from "../support/answering-runner.ts";
import { type Clients, clientsOf } from "../support/clients.ts";
import { newUser } from "../support/people.ts";
import { refusal } from "../support/refusal.ts";
import { adminToken, startTestServer, type TestServer } from "../support/server.ts";

// Why a question ends before its time, and how many there may be.

let server: TestServer;
let open: AnsweringRunner[];
/** With connections of their own, which end with the test. */
let askers: Clients[];
beforeEach(async () => {
  open = [];
  askers = [];
  server = await startTestServer();
});
afterEach(async () => {
  for (const runner of open) runner.close();
  for (const clients of askers) clients.close();
  await server.close();
});

const link = "https://github.com/acme/tool";
const yes = { case: "checkRepository", value: { hasAccess: true } } as const;

async function connected(): Promise<AnsweringRunner> {
  const runner = await answeringRunner(server);
  open.push(runner);
  const settings = server.client(RunnerConfigurationService);
  await settings.createSCMIntegration({
    runnerId: runner.id,
    scmId: "github",
    host: "github.com",
    pat: true,
  });
  return runner;
}

function asker(token = adminToken) {
  const clients = clientsOf(server.url);
  askers.push(clients);
  const calls = clients.client(RunnerService, { token });
  return (runner: AnsweringRunner) =>
    calls.checkRepositoryAccess({ runnerId: runner.id, repositoryUrl: link });
}

const ask = (runner: AnsweringRunner) =>
  server.client(RunnerService).checkRepositoryAccess({ runnerId: runner.id, repositoryUrl: link });

describe("a runner that is asked, and meanwhile", () => {
  let runner: AnsweringRunner;
  let stream: AnsweringStream;
  beforeEach(async () => {
    runner = await connected();
    stream = await runner.listen();
  });
  const operator = () => server.client(RunnerService);

  test.each<[string, () => Promise<unknown>]>([
    [
      "is paused",
      () => operator().updateRunner({ runnerId: runner.id, spec: { desiredPhase: RunnerPhase.INACTIVE } }),
    ],
    ["signs off", () => runner.agent.calls.signOff({ generation: runner.agent.generation })],
    ["winds down by itself", () => runner.agent.renew({ status: { phase: RunnerPhase.DELETING } })],
    ["is to be deleted", () => operator().deleteRunner({ runnerId: runner.id })],
    ["is deleted by force", () => operator().deleteRunner({ runnerId: runner.id, force: true })],
  ])("%s, is said at once to be not active", async (_name, meanwhile) => {
    const refused = refusal(ask(runner));
    await stream.question();
    await meanwhile();
    // The clock stands still: nothing is waited for.
    expect(await refused).toMatchObject({
      code: "failed_precondition",
      message: "runner is not active",
      reason: "RUNNER_NOT_ACTIVE",
    });
  });

  test("changes its name, goes on answering", async () => {
    const answer = ask(runner);
    const { id } = await stream.question();
    await operator().updateRunner({ runnerId: runner.id, name: "renamed" });
    await runner.agent.renew({ status: { phase: RunnerPhase.DEGRADED, message: "slow disk" } });
    await runner.answer(id, yes);
    expect(await answer).toMatchObject({ hasAccess: true });
  });
});

test("a server that shuts down tells who waits, and leaves nothing open", async () => {
  const runner = await connected();
  const stream = await runner.listen();
  const refused = refusal(asker()(runner));
  await stream.question();
  await server.restart();
  expect(await refused).toMatchObject({ code: "unavailable" });
  await runner.agent.renew({ generation: 0, status: { phase: RunnerPhase.ACTIVE } });
  const next = await runner.listen();
  const answer = ask(runner);
  await runner.answer((await next.question()).id, yes);
  expect(await answer).toMatchObject({ hasAccess: true });
});

test("512 questions of the server wait, and no more", async () => {
  const { open: most, openOfRunner } = questionLimits;
  for (let number = 0; number < most / openOfRunner; number += 1) {
    const runner = await connected();
    const stream = await runner.listen();
    const asks = asker((await newUser(server, { admin: true })).token);
    // They end with the server.
    for (let one = 0; one < openOfRunner; one += 1) void asks(runner).catch(() => {});
    await stream.question(openOfRunner - 1);
  }
  const runner = await connected();
  const stream = await runner.listen();
  expect(await refusal(ask(runner))).toMatchObject({
    code: "resource_exhausted",
    message: expect.stringContaining("512"),
    reason: "TOO_MANY_QUESTIONS",
    retrySeconds: 1,
  });
  await open[0]?.agent.calls.signOff({ generation: open[0].agent.generation });
  const answer = ask(runner);
  await runner.answer((await stream.question()).id, yes);
  expect(await answer).toMatchObject({ hasAccess: true });
});

test("who asks too fast is told when to come back, and takes nothing from others", async () => {
  const runner = await connected();
  const stream = await runner.listen();
  const { burst, perSecond } = questionLimits.rate;
  for (let number = 0; number < burst; number += 1) {
    const answer = ask(runner);
    await runner.answer((await stream.question(number)).id, yes);
    await answer;
  }
  expect(await refusal(ask(runner))).toMatchObject({
    code: "resource_exhausted",
    reason: "TOO_MANY_QUESTIONS",
    retrySeconds: 1 / perSecond,
  });
  const other = asker((await newUser(server, { admin: true })).token)(runner);
  await runner.answer((await stream.question(burst)).id, yes);
  await other;
  server.clock.advance(1000 / perSecond);
  const again = ask(runner);
  await runner.answer((await stream.question(burst + 1)).id, yes);
  await again;
});
