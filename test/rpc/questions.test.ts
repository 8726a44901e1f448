import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EventService } from "../../gen/gitpod/v1/event_pb.js";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import {
  HostAuthenticationTokenSource,
  RunnerConfigurationService,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  ParseContextURLPreconditionFailureDetailsSchema,
  RunnerPhase,
  RunnerService,
} from "../../gen/gitpod/v1/runner_pb.js";
import { QuestionKind } from "../../gen/rollcall/v1/agent_pb.js";
import { change, live } from "../fleet/fixture.ts";
import {
  type AnsweringRunner,
  type AnswerOutcome,
  answeringRunner,
  startedAgain,
} from "../support/answering-runner.ts";
import { until } from "../support/eventually.ts";
import { newUser } from "../support/people.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  server.keepSecret(secret);
});
afterAll(() => server.close());

let runner: AnsweringRunner;
beforeEach(async () => {
  runner = await connected();
});
afterEach(() => {
  runner.close();
  // Each test starts with what an asker may ask at once.
  server.clock.advance(20_000);
});

const secret = "a-token-for-the-host";
const link = "https://github.com/acme/tool";
const runners = () => server.client(RunnerService);
const settings = () => server.client(RunnerConfigurationService);
const ask = (options = {}) =>
  runners().checkRepositoryAccess({ runnerId: runner.id, repositoryUrl: link }, options);
const yes = { case: "checkRepository", value: { hasAccess: true } } as const;
const signIn = (runnerId = runner.id) =>
  settings().createHostAuthenticationToken({
    runnerId,
    host: "github.com",
    token: secret,
    source: HostAuthenticationTokenSource.PAT,
  });

async function connected(withKey = true): Promise<AnsweringRunner> {
  const made = await answeringRunner(server, withKey);
  await settings().createSCMIntegration({
    runnerId: made.id,
    scmId: "github",
    host: "github.com",
    pat: true,
  });
  return made;
}

describe("a question", () => {
  test("reaches the runner as it was asked, and its answer who asked", async () => {
    const stream = await runner.listen();
    const answer = ask();
    const question = await stream.question();
    expect(question).toMatchObject({
      ask: { case: "checkRepository", value: { runnerId: runner.id, repositoryUrl: link } },
      hosts: [{ integration: { host: "github.com", scmId: "github", pat: true } }],
      remaining: { seconds: 10n },
    });
    expect(question.hosts[0]?.token).toBeUndefined();
    await runner.answer(question.id, yes);
    expect(await answer).toMatchObject({ hasAccess: true, errorMessage: "" });
    expect(stream.withdrawn).toEqual([]);
  });

  test("brings the asker's credential, sealed to the runner's key, and the audit log knows it once", async () => {
    const { token } = await signIn();
    const stream = await runner.listen();
    for (const place of [0, 1]) {
      const answer = ask();
      const question = await stream.question(place);
      expect(runner.open(question.hosts[0]?.token)).toBe(secret);
      expect(question.hosts[0]?.token).toMatchObject({ id: token?.id });
      await runner.answer(question.id, yes);
      await answer;
    }
    const { entries } = await server
      .client(EventService)
      .listAuditLogs({ filter: { subjectIds: [token?.id ?? ""] } });
    expect(entries.filter(({ action }) => action === "host_authentication_token.hand_over")).toHaveLength(1);
  });

  test("of another caller brings nothing of the first one's", async () => {
    await signIn();
    const stream = await runner.listen();
    const other = await newUser(server, { admin: true });
    const answer = server
      .client(RunnerService, { token: other.token })
      .checkRepositoryAccess({ runnerId: runner.id, repositoryUrl: link });
    const question = await stream.question();
    expect(question.asker).toMatchObject({ id: other.id });
    expect(question.hosts[0]?.token).toBeUndefined();
    await runner.answer(question.id, yes);
    await answer;
  });

  test("is answered once: what comes later is accepted and dropped", async () => {
    const stream = await runner.listen();
    const answer = ask();
    const { id } = await stream.question();
    await runner.answer(id, yes);
    await runner.answer(id, { case: "checkRepository", value: { hasAccess: false, errorMessage: "no" } });
    expect(await answer).toMatchObject({ hasAccess: true });
    await runner.answer(newId(), yes);
  });

  test("cannot be answered by another runner", async () => {
    const stream = await runner.listen();
    const answer = ask();
    const { id } = await stream.question();
    const other = await live(server);
    await other.calls.answerQuestion({ generation: other.generation, questionId: id, outcome: yes });
    await runner.answer(id, { case: "checkRepository", value: { errorMessage: "the right one" } });
    expect(await answer).toMatchObject({ hasAccess: false, errorMessage: "the right one" });
  });

  test("that is not answered ends in time, and the runner is told", async () => {
    const stream = await runner.listen();
    const refused = refusal(ask());
    const { id } = await stream.question();
    server.clock.advance(10_000);
    expect(await refused).toMatchObject({ code: "deadline_exceeded", reason: "RUNNER_DID_NOT_ANSWER" });
    await until("withdrawn", () => stream.withdrawn.includes(id));
    await runner.answer(id, yes);
  });

  test("is withdrawn when the asker goes", async () => {
    const stream = await runner.listen();
    const gone = new AbortController();
    const asked = ask({ signal: gone.signal });
    const { id } = await stream.question();
    gone.abort();
    await expect(asked).rejects.toMatchObject({ code: Code.Canceled });
    await until("withdrawn", () => stream.withdrawn.includes(id));
  });

  test("goes again to the runner's next generation, and an answer of the earlier one is refused", async () => {
    const stream = await runner.listen();
    const answer = ask();
    const { id } = await stream.question();
    const earlier = runner.agent.generation;
    await runner.agent.renew(startedAgain);
    const next = await runner.listen();
    expect((await next.question()).id).toBe(id);
    expect(await refusal(runner.answer(id, yes, earlier))).toMatchObject({
      code: "aborted",
      reason: "SUPERSEDED",
    });
    await runner.answer(id, yes);
    expect(await answer).toMatchObject({ hasAccess: true });
  });

  test("goes again to the next stream when the first one is lost", async () => {
    const stream = await runner.listen();
    const answer = ask();
    const { id } = await stream.question();
    stream.close();
    const next = await runner.listen();
    expect((await next.question()).id).toBe(id);
    await runner.answer(id, yes);
    await answer;
  });

  test("waits two seconds for a runner without a stream", async () => {
    const refused = refusal(ask());
    await metric("rollcall_questions_open 1");
    server.clock.advance(2_000);
    expect(await refused).toMatchObject({
      code: "unavailable",
      reason: "RUNNER_NOT_WATCHING",
      retrySeconds: 2,
    });
    const answer = ask();
    await metric("rollcall_questions_open 1");
    const stream = await runner.listen();
    await runner.answer((await stream.question()).id, yes);
    await answer;
  });

  test.each([[[]], [[QuestionKind.PARSE_CONTEXT_URL]]])(
    "is not asked of an agent that answers %j",
    async (kinds) => {
      await runner.listen(kinds);
      const refused = await refusal(ask());
      expect(refused).toMatchObject({ code: "failed_precondition", reason: "RUNNER_CANNOT_ANSWER" });
      expect(refused.message).toContain("capabil");
    },
  );

  test("is the 33rd that waits for one runner: refused, and asked again when there is room", async () => {
    const stream = await runner.listen();
    const asked = Array.from({ length: 32 }, () => ask());
    await stream.question(31);
    expect(await refusal(ask())).toMatchObject({
      code: "resource_exhausted",
      reason: "TOO_MANY_QUESTIONS",
      retrySeconds: 1,
    });
    for (const { id } of stream.questions) await runner.answer(id, yes);
    await Promise.all(asked);
    const again = ask();
    await runner.answer((await stream.question(32)).id, yes);
    await again;
  });
});

async function metric(line: string): Promise<void> {
  await until(line, async () => {
    const response = await fetch(`${server.url}/metrics`, {
      headers: { authorization: `Bearer ${server.config.adminToken}` },
    });
    return (await response.text()).split("\n").includes(line);
  });
}

describe("a bad answer", () => {
  const text = (value: string) => ({ case: "checkRepository", value: { errorMessage: value } }) as const;
  test.each([
    ["of another kind", { case: "search", value: {} } as const, "outcome"],
    ["with nothing in it", { case: undefined } as const, "outcome"],
    ["of 1 MiB", text("x".repeat(1024 * 1024)), "checkRepository"],
    ["with a long text", text("x".repeat(5_000)), "checkRepository.error_message"],
    ["with a wrong code", { case: "error", value: { code: 2, message: "" } } as const, "error.code"],
    [
      "with a long error",
      { case: "error", value: { code: 5, message: "x".repeat(1025) } } as const,
      "error.message",
    ],
  ])("%s is told to both sides, without its text", async (_name, outcome, field) => {
    const stream = await runner.listen();
    const refused = refusal(ask());
    const told = await refusal(runner.answer((await stream.question()).id, outcome));
    expect(told).toMatchObject({ code: "invalid_argument", reason: "ANSWER_UNUSABLE" });
    expect(await refused).toMatchObject({ code: "internal", reason: "RUNNER_ANSWERED_BADLY" });
    expect((await refused).message).toContain(field);
    expect((await refused).message.length).toBeLessThan(200);
  });

  test.each([
    ["a URL that is none", { git: { cloneUrl: "javascript:alert(1)" } }],
    ["a state that is unknown", { pullRequest: { state: 77 } }],
  ])("with %s is refused", async (_name, value) => {
    const stream = await runner.listen();
    const refused = refusal(runners().parseContextURL({ runnerId: runner.id, contextUrl: link }));
    await refusal(runner.answer((await stream.question()).id, { case: "parse", value }));
    expect(await refused).toMatchObject({ code: "internal", reason: "RUNNER_ANSWERED_BADLY" });
  });

  test("with control characters is cleaned", async () => {
    const stream = await runner.listen();
    const answer = ask();
    await runner.answer((await stream.question()).id, text("a\u001b[31mb\u202ec"));
    expect(await answer).toMatchObject({ errorMessage: "a\ufffd[31mb\ufffdc" });
  });
});

describe("the runner's own error", () => {
  test.each([
    [3, "invalid_argument"],
    [5, "not_found"],
    [7, "permission_denied"],
    [8, "resource_exhausted"],
    [9, "failed_precondition"],
    [12, "failed_precondition"],
    [14, "unavailable"],
  ])("%d reaches the asker as %s", async (code, told) => {
    const stream = await runner.listen();
    const refused = refusal(ask());
    await runner.answer((await stream.question()).id, {
      case: "error",
      value: { code, message: "so it is" },
    });
    expect(await refused).toMatchObject({ code: told });
    expect((await refused).message).toContain(code === 12 ? "capabil" : "so it is");
  });

  test("to sign in first says where", async () => {
    const stream = await runner.listen();
    const asked = runners().parseContextURL({ runnerId: runner.id, contextUrl: link });
    const details = { authenticationRequiredUrl: "https://github.com/settings/tokens/new", scmId: "github" };
    const error = { code: 9, message: "missing authentication token for github.com", details };
    const told = asked.catch((thrown) => ConnectError.from(thrown));
    await runner.answer((await stream.question()).id, { case: "error", value: error });
    const refused = await told;
    if (!(refused instanceof ConnectError)) throw new Error("it was answered");
    expect(refused.rawMessage).toBe(error.message);
    expect(refused.findDetails(ParseContextURLPreconditionFailureDetailsSchema)[0]).toMatchObject({
      ...details,
      runnerIds: [],
    });
  });
});

describe("who may ask", () => {
  test("a paused runner is not asked, nor one that never came", async () => {
    await runner.listen();
    await change(server, runner.id, {});
    await runners().updateRunner({ runnerId: runner.id, spec: { desiredPhase: RunnerPhase.INACTIVE } });
    const refused = {
      code: "failed_precondition",
      message: "runner is not active",
      reason: "RUNNER_NOT_ACTIVE",
    };
    expect(await refusal(ask())).toMatchObject(refused);
    const { runner: fresh } = await runners().createRunner({ name: "fresh", provider: 1 });
    expect(
      await refusal(
        runners().checkAuthenticationForHost({ runnerId: fresh?.runnerId ?? "", host: "github.com" }),
      ),
    ).toMatchObject(refused);
  });

  test("a runner without a key is not asked when a credential has to go along", async () => {
    const keyless = await connected(false);
    const stream = await keyless.listen();
    const asks = () => runners().checkRepositoryAccess({ runnerId: keyless.id, repositoryUrl: link });
    const answer = asks();
    await keyless.answer((await stream.question()).id, yes);
    await answer;
    await signIn(keyless.id);
    expect(await refusal(asks())).toMatchObject({
      code: "failed_precondition",
      message: "runner does not have a public key",
    });
    keyless.close();
  });

  test("a read-only token may ask, a runner may not", async () => {
    const stream = await runner.listen();
    const reader = await newUser(server, { admin: true, readOnly: true });
    const answer = server
      .client(RunnerService, { token: reader.token })
      .checkRepositoryAccess({ runnerId: runner.id, repositoryUrl: link });
    await runner.answer((await stream.question()).id, yes);
    await answer;
    const itself = server.client(RunnerService, { token: runner.agent.token });
    expect(
      await refusal(itself.checkRepositoryAccess({ runnerId: runner.id, repositoryUrl: link })),
    ).toMatchObject({ code: "permission_denied", reason: "RUNNER_TOKEN" });
  });

  test("a host without an integration, and what is no link, never reach the runner", async () => {
    const stream = await runner.listen();
    const wrong = await refusal(
      runners().checkAuthenticationForHost({ runnerId: runner.id, host: "gitlab.com" }),
    );
    expect(wrong).toMatchObject({
      code: "failed_precondition",
      message: "the SCM integration for host gitlab.com is not configured",
    });
    for (const contextUrl of ["ftp://github.com/a/b", "https://u:p@github.com/a/b"]) {
      expect(await refusal(runners().parseContextURL({ runnerId: runner.id, contextUrl }))).toMatchObject({
        code: "invalid_argument",
        fields: ["context_url"],
      });
    }
    expect(
      await refusal(runners().searchRepositories({ runnerId: runner.id, pagination: { token: "opaque" } })),
    ).toMatchObject({ code: "invalid_argument", fields: ["pagination.token"] });
    expect(stream.questions).toEqual([]);
  });
});

describe("a link", () => {
  const parsed: Extract<AnswerOutcome, { case: "parse" }> = {
    case: "parse",
    value: {
      git: { cloneUrl: `${link}.git`, branch: "main", host: "github.com", owner: "acme", repo: "tool" },
      pullRequest: { id: "7", title: "Mend", fromBranch: "a", toBranch: "main", state: 1 },
      projectIds: ["not the runner's to say"],
      scmId: "github",
    },
  };

  test("is resolved with what the server knows itself", async () => {
    const { id } = await settings().createEnvironmentClass({
      runnerId: runner.id,
      displayName: "Large",
      description: "Eight cores",
    });
    const stream = await runner.listen();
    const answer = runners().parseContextURL({ runnerId: runner.id, contextUrl: link });
    await runner.answer((await stream.question()).id, parsed);
    expect(await answer).toMatchObject({
      originalContextUrl: link,
      git: parsed.value.git,
      pr: { id: "7", title: "Mend", fromBranch: "a", toBranch: "main" },
      projectIds: [],
      recommendedEnvironmentClasses: [id],
    });
  });

  test("that names no runner goes to one where the caller is signed in", async () => {
    const asker = await newUser(server, { admin: true });
    const as = { token: asker.token };
    const signInOn = (runnerId: string) =>
      server.client(RunnerConfigurationService, as).createHostAuthenticationToken({
        runnerId,
        host: "github.com",
        token: secret,
        source: HostAuthenticationTokenSource.PAT,
      });
    await signInOn(runner.id);
    const newer = await connected();
    const classOf = async (runnerId: string) =>
      (await settings().createEnvironmentClass({ runnerId, displayName: "Large", description: "Eight" })).id;
    const [known] = [await classOf(runner.id), await classOf(newer.id)];
    const second = await connected();
    const also = await classOf(second.id);
    const [stream, other] = [await runner.listen(), await newer.listen()];
    const answer = server.client(RunnerService, as).parseContextURL({ contextUrl: link });
    await runner.answer((await stream.question()).id, parsed);
    expect((await answer).git).toMatchObject({ repo: "tool" });
    expect(other.questions).toEqual([]);
    newer.close();
    await signInOn(second.id);
    const next = await second.listen();
    const again = server.client(RunnerService, as).parseContextURL({ contextUrl: link });
    await second.answer((await next.question()).id, parsed);
    // That of the runner without a credential is no use to the caller.
    expect((await again).recommendedEnvironmentClasses).toEqual([also, known]);
    second.close();
  });

  test("to a host that no runner has is refused in the words of the documentation", async () => {
    const refused = await refusal(runners().parseContextURL({ contextUrl: "https://nowhere.example/a/b" }));
    expect(refused.code).toBe("failed_precondition");
    expect(refused.message).toContain(
      "requires authentication with Source Control - the SCM integration for host nowhere.example is not configured",
    );
  });
});

test("a search has pages of its host's kind, and fills what old clients read", async () => {
  const stream = await runner.listen();
  const answer = runners().searchRepositories({
    runnerId: runner.id,
    limit: 7,
    pagination: { token: "2/3/70" },
  });
  const { id, ask: asked } = await stream.question();
  expect(asked).toMatchObject({ case: "search", value: { pagination: { pageSize: 7, token: "2/3/70" } } });
  const value = { repositories: [{ name: "acme/tool", url: link }], pagination: { nextToken: "3/3/70" } };
  await runner.answer(id, { case: "search", value });
  expect(await answer).toMatchObject({ ...value, lastPage: 3 });
});

test("what is set up on a runner is pushed by its revision, and read by the runner alone", async () => {
  const stream = await runner.listen();
  await settings().createEnvironmentClass({
    runnerId: runner.id,
    displayName: "Small",
    description: "Two cores",
  });
  await until("pushed", () => stream.revisions.includes(2));
  const { agent } = runner;
  expect(await agent.renew()).toMatchObject({ configurationRevision: 2 });
  expect(await agent.calls.getRunnerConfiguration({ generation: agent.generation })).toMatchObject({
    revision: 2,
    environmentClasses: [{ displayName: "Small" }],
    scmIntegrations: [{ host: "github.com" }],
  });
  expect(await refusal(agent.calls.getRunnerConfiguration({ generation: 99 }))).toMatchObject({
    reason: "GENERATION_UNKNOWN",
  });
});

test("a runner stores the credential of a sign-in for who asked it, and for no other", async () => {
  const { id } =
    (await settings().listSCMIntegrations({ filter: { runnerIds: [runner.id] } })).integrations[0] ?? {};
  await settings().updateSCMIntegration({
    id: id ?? "",
    oauthClientId: "client",
    oauthPlaintextClientSecret: "secret-of-the-client",
  });
  const stream = await runner.listen();
  const { agent } = runner;
  const asker = await newUser(server, { admin: true });
  const store = (token: string, lifeSeconds = 0) =>
    agent.calls.storeHostToken({
      generation: agent.generation,
      subject: { id: asker.id, principal: Principal.USER },
      host: "github.com",
      token,
      ...(lifeSeconds > 0 && {
        expiresAt: { seconds: BigInt(Math.floor(server.clock.now() / 1000) + lifeSeconds) },
      }),
    });
  expect(await refusal(store(secret))).toMatchObject({
    code: "permission_denied",
    reason: "SUBJECT_UNKNOWN",
  });
  const check = server
    .client(RunnerService, { token: asker.token })
    .checkAuthenticationForHost({ runnerId: runner.id, host: "github.com" });
  const question = await stream.question();
  const value = { scmId: "github", supportsOauth2: { authUrl: "https://runner.example/auth" } };
  await runner.answer(question.id, { case: "checkAuthentication", value });
  expect(await check).toMatchObject({
    authenticated: false,
    authenticationUrl: "https://runner.example/auth",
  });
  const stored = await store(secret);
  expect(await store("another-token-of-the-host")).toEqual(stored);
  const expiry = async () =>
    (await settings().getHostAuthenticationToken({ id: stored.id })).token?.expiresAt?.seconds;
  await store(secret, 3_600);
  expect(await expiry()).toBe(BigInt(Math.floor(server.clock.now() / 1000)) + 3_600n);
  // The next one never expires, and has nothing of the earlier one.
  await store(secret);
  expect(await expiry()).toBeUndefined();

  // A token that the subject made at the host itself is replaced by the sign-in.
  const own = server.client(RunnerConfigurationService, { token: asker.token });
  await own.deleteHostAuthenticationToken({ id: stored.id });
  const { token: made } = await own.createHostAuthenticationToken({
    runnerId: runner.id,
    host: "github.com",
    token: "ghp_made-at-the-host-0123456789",
    source: HostAuthenticationTokenSource.PAT,
  });
  const replacing = await store(secret);
  expect(replacing.id).not.toBe(made?.id);
  const { tokens } = await own.listHostAuthenticationTokens({ filter: { runnerId: runner.id } });
  expect(tokens).toMatchObject([{ id: replacing.id, source: HostAuthenticationTokenSource.OAUTH }]);
});
