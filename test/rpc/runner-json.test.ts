import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const runners = () => server.client(RunnerService);
const post = (method: string, body: unknown, headers?: Record<string, string>) =>
  server.post(`gitpod.v1.RunnerService/${method}`, body, headers);

test("the JSON of a new runner is what was sent and what the server knows, to the letter", async () => {
  const configuration = {
    region: "eu-west",
    releaseChannel: "RUNNER_RELEASE_CHANNEL_STABLE",
    autoUpdate: true,
    updateWindow: { startHour: 0 },
  };
  const answer = await post("CreateRunner", {
    name: "Production Runner",
    provider: "RUNNER_PROVIDER_AWS_EC2",
    spec: { desiredPhase: "RUNNER_PHASE_ACTIVE", configuration },
  });
  expect(answer.status).toBe(200);
  const at = new Date(server.clock.now()).toISOString().replace(".000Z", "Z");
  const runner = {
    runnerId: expect.any(String),
    createdAt: at,
    updatedAt: at,
    name: "Production Runner",
    kind: "RUNNER_KIND_REMOTE",
    provider: "RUNNER_PROVIDER_AWS_EC2",
    creator: { id: expect.any(String), principal: "PRINCIPAL_USER" },
    spec: { desiredPhase: "RUNNER_PHASE_ACTIVE", configuration },
    status: { phase: "RUNNER_PHASE_CREATED", updatedAt: at },
  };
  expect(answer.json()).toEqual({ runner, exchangeToken: expect.stringMatching(/^rcexc_[0-9A-Za-z]{49}$/) });
  const { runnerId } = answer.json<{ runner: { runnerId: string } }>().runner;
  expect((await post("GetRunner", { runnerId })).json()).toEqual({ runner });
});

test("the wanted phase is ACTIVE unless the caller says INACTIVE; others are refused", async () => {
  const wanted = async (desiredPhase: RunnerPhase) => {
    const request = { name: "wanted", provider: RunnerProvider.GCP, spec: { desiredPhase } };
    return (await runners().createRunner(request)).runner?.spec?.desiredPhase;
  };
  expect(await wanted(RunnerPhase.UNSPECIFIED)).toBe(RunnerPhase.ACTIVE);
  expect(await wanted(RunnerPhase.INACTIVE)).toBe(RunnerPhase.INACTIVE);
  for (const phase of [RunnerPhase.CREATED, RunnerPhase.DELETING, RunnerPhase.DELETED, 99 as RunnerPhase]) {
    expect((await refusal(wanted(phase))).code).toBe("invalid_argument");
  }
});

test("a change is seen by the Get that follows at once, every time", async () => {
  const { runner } = await runners().createRunner({ name: "changing", provider: RunnerProvider.GCP });
  const runnerId = runner?.runnerId ?? "";
  for (let round = 0; round < 20; round++) {
    await runners().updateRunner({ runnerId, name: `round ${round}` });
    expect((await runners().getRunner({ runnerId })).runner?.name).toBe(`round ${round}`);
  }
});

describe("secrets", () => {
  test("the metrics password is in no answer", async () => {
    const [first, second] = ["pw-created-3f9a", "pw-updated-77c1"];
    server.keepSecret(first, second);
    const metrics = { enabled: true, url: "https://m.example", password: first };
    const create = {
      name: "secretive",
      provider: "RUNNER_PROVIDER_GCP",
      spec: { configuration: { metrics } },
    };
    const key = { "idempotency-key": randomUUID() };
    const created = await post("CreateRunner", create, key);
    const { runnerId } = created.json<{ runner: { runnerId: string } }>().runner;
    const change = { runnerId, spec: { configuration: { metrics: { password: second } } } };
    const answers = [
      created,
      await post("CreateRunner", create, key),
      await post("GetRunner", { runnerId }),
      await post("UpdateRunner", change),
      await post("GetRunner", { runnerId }),
      await post("ListRunners", { pagination: { pageSize: 100 } }),
      await post("UpdateRunner", { ...change, name: "x" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 400]);
    for (const { text } of answers) {
      expect(text).not.toContain(first);
      expect(text).not.toContain(second);
    }
    expect(created.text).toContain("https://m.example");
  });

  test("a Honeycomb key without a public key is refused in the words that clients match", async () => {
    server.keepSecret("hcaik_very_secret");
    const { runner } = await runners().createRunner({ name: "keyless", provider: RunnerProvider.GCP });
    const runnerId = runner?.runnerId ?? "";
    const change = { name: "changed", spec: { configuration: { honeycombApiKey: "hcaik_very_secret" } } };
    expect(await refusal(runners().updateRunner({ runnerId, ...change }))).toMatchObject({
      code: "failed_precondition",
      message: "runner does not have a public key",
      reason: "NO_PUBLIC_KEY",
    });
    expect((await runners().getRunner({ runnerId })).runner?.name).toBe("keyless");
  });
});
