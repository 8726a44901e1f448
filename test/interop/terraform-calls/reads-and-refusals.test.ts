import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "vitest";
import {
  HostAuthenticationTokenSource,
  RunnerKind,
  RunnerProvider,
} from "../../../gen/gitpod/v1/runner_configuration_pb.js";
import { newUser, operator } from "../../support/people.ts";
import { newId } from "../../support/records.ts";
import { refusal } from "../../support/refusal.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import { type Provider, providerOf } from "./provider.ts";

// What the official Terraform provider reads beside resources, and the refusals that it knows by their code or text.

let server: TestServer;
let provider: Provider;
afterEach(async () => {
  provider.close();
  await server.close();
});

async function start(options: Parameters<typeof startTestServer>[0] = {}): Promise<void> {
  server = await startTestServer(options);
  provider = providerOf(server, "/api");
}

async function newRunner(): Promise<string> {
  const { runner } = await provider.runners.createRunner({ name: "build", provider: RunnerProvider.AWS_EC2 });
  return runner?.runnerId ?? "";
}

describe("data sources", () => {
  test("ona_users and ona_user, page after page, each token once", async () => {
    await start();
    const { organizationId } = await operator(server);
    const people = [await newUser(server), await newUser(server), await newUser(server)];
    const seen: string[] = [];
    const tokens: string[] = [];
    for (let token = ""; ; ) {
      const page = await provider.organizations.listMembers({
        organizationId,
        pagination: { pageSize: 3, token },
      });
      seen.push(...page.members.map(({ userId }) => userId));
      token = page.pagination?.nextToken ?? "";
      if (token === "") break;
      tokens.push(token);
    }
    expect(seen).toEqual(expect.arrayContaining(people.map(({ id }) => id)));
    expect(seen).toHaveLength(new Set(seen).size);
    expect(tokens).toHaveLength(new Set(tokens).size);
    const userIds = [people[1]?.id ?? ""];
    const { members } = await provider.organizations.listMembers({ organizationId, filter: { userIds } });
    expect(members.map(({ userId }) => userId)).toEqual(userIds);
    const { email = "" } = members[0] ?? {};
    const found = await provider.organizations.listMembers({ organizationId, filter: { search: email } });
    expect(found.members).toEqual(members);
  });

  test("the environment classes of a runner, with the filter that the provider sends by itself", async () => {
    await start();
    const runnerId = await newRunner();
    const { configuration } = provider;
    const made = [];
    for (const displayName of ["small", "large"]) {
      const { id } = await configuration.createEnvironmentClass({
        runnerId,
        displayName,
        description: "one",
      });
      made.unshift(id);
    }
    await configuration.updateEnvironmentClass({ environmentClassId: made[0] ?? "", enabled: false });
    const listed = async (enabled: boolean) => {
      const { environmentClasses } = await configuration.listEnvironmentClasses({
        pagination: { pageSize: 100 },
        filter: {
          runnerIds: [runnerId],
          runnerKinds: [RunnerKind.REMOTE],
          runnerProviders: [RunnerProvider.AWS_EC2, RunnerProvider.GCP],
          enabled,
        },
      });
      return environmentClasses.map(({ id }) => id);
    };
    expect(await listed(true)).toEqual([made[1]]);
    expect(await listed(false)).toEqual([made[0]]);
  });
});

describe("refusals", () => {
  test("a secret for a runner that has no key yet", async () => {
    await start();
    const runnerId = await newRunner();
    const { configuration } = provider;
    const noKey = {
      code: "failed_precondition",
      message: expect.stringContaining("runner does not have a public key"),
    };
    const oauth = { oauthClientId: "client", oauthPlaintextClientSecret: "s" };
    const integration = { runnerId, scmId: "github", host: "github.com" };
    expect(await refusal(configuration.createSCMIntegration({ ...integration, ...oauth }))).toMatchObject(
      noKey,
    );
    const { id: scm } = await configuration.createSCMIntegration({ ...integration, pat: true });
    expect(await refusal(configuration.updateSCMIntegration({ id: scm, ...oauth }))).toMatchObject(noKey);
    const models = [1];
    expect(
      await refusal(configuration.createLLMIntegration({ runnerId, models, apiKey: "k" })),
    ).toMatchObject(noKey);
    const { id: llm } = await configuration.createLLMIntegration({ runnerId, models });
    expect(await refusal(configuration.updateLLMIntegration({ id: llm, apiKey: "k" }))).toMatchObject(noKey);
  });

  test("what is there already, and what is not there", async () => {
    await start();
    const runnerId = await newRunner();
    const { configuration } = provider;
    const integration = { runnerId, scmId: "github", host: "github.com", pat: true };
    await configuration.createSCMIntegration(integration);
    const again = configuration.createSCMIntegration({ ...integration, host: "GitHub.com" });
    expect((await refusal(again)).code).toBe("already_exists");
    const token = { runnerId, host: "github.com", token: "t", source: HostAuthenticationTokenSource.PAT };
    await configuration.createHostAuthenticationToken(token);
    expect(await refusal(configuration.createHostAuthenticationToken(token))).toMatchObject({
      code: "already_exists",
      message: "host authentication token already exists",
    });
    const id = newId();
    const missing = [
      [configuration.getEnvironmentClass({ environmentClassId: id }), "environment class not found"],
      [configuration.getSCMIntegration({ id }), "SCM integration not found"],
      [configuration.getLLMIntegration({ id }), "LLM integration not found"],
      [configuration.getHostAuthenticationToken({ id }), "host authentication token not found"],
    ] as const;
    for (const [call, message] of missing) {
      expect(await refusal(call)).toMatchObject({ code: "not_found", message });
    }
  });

  test("a provider that is too fast waits for as long as it is told, and gets on", async () => {
    await start({ config: { callRates: { perToken: 1, perAddress: 0, burstSeconds: 2 } } });
    let waits = 0;
    for (let calls = 0; calls < 6; ) {
      try {
        await provider.runners.listRunners({});
        calls += 1;
      } catch (error) {
        expect(ConnectError.from(error).code).toBe(Code.ResourceExhausted);
        const { retrySeconds = 0, headers } = await refusal(Promise.reject(error));
        expect(headers.get("ratelimit-retryafter")).toBe(String(Math.ceil(retrySeconds)));
        server.clock.advance(retrySeconds * 1000);
        waits += 1;
      }
    }
    expect(waits).toBe(4);
  });
});
