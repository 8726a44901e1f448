import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Principal } from "../../gen/gitpod/v1/identity_pb.js";
import { RunnerKind, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerReleaseChannel, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
const runners = () => server.client(RunnerService);

test("the published cloud runner: what was sent comes back, what the server knows is added, nothing else", async () => {
  const configuration = {
    region: "us-east-1",
    releaseChannel: RunnerReleaseChannel.STABLE,
    autoUpdate: true,
    updateWindow: { startHour: 22 },
  };
  const { runner, exchangeToken, accessToken } = await runners().createRunner({
    name: "Production Runner",
    provider: RunnerProvider.AWS_EC2,
    spec: { desiredPhase: RunnerPhase.ACTIVE, configuration },
  });
  expect(exchangeToken).toMatch(/^rcexc_/);
  expect(accessToken).toBe("");
  expect(runner).toMatchObject({
    name: "Production Runner",
    kind: RunnerKind.REMOTE,
    spec: { configuration },
  });
  expect(runner?.spec?.desiredPhase).toBe(RunnerPhase.ACTIVE);
  expect(runner?.spec?.configuration?.metrics).toBeUndefined();
  expect(runner?.spec?.configuration?.updateWindow?.endHour).toBeUndefined();
  expect(runner?.status?.phase).toBe(RunnerPhase.CREATED);
  expect(runner?.status?.message).toBe("");
  expect(runner?.runnerManagerId).toBe("");
  expect(runner?.creator?.principal).toBe(Principal.USER);
  const now = server.clock.now();
  for (const time of [runner?.createdAt, runner?.updatedAt, runner?.status?.updatedAt]) {
    expect(time && timestampMs(time)).toBe(now);
  }
  const runnerId = runner?.runnerId ?? "";
  expect(runnerId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect((await runners().getRunner({ runnerId })).runner).toEqual(runner);
  expect((await runners().getRunner({ runnerId: runnerId.toUpperCase() })).runner).toEqual(runner);
});

test("the published local runner, and every provider's kind", async () => {
  const local = await runners().createRunner({
    name: "Local Development Runner",
    provider: RunnerProvider.LINUX_HOST,
  });
  expect(local.runner?.kind).toBe(RunnerKind.LOCAL);
  expect(local.runner?.spec?.desiredPhase).toBe(RunnerPhase.ACTIVE);
  expect(local.runner?.spec?.configuration).toBeUndefined();
  const kinds = [
    [RunnerProvider.DESKTOP_MAC, RunnerKind.LOCAL],
    [RunnerProvider.GCP, RunnerKind.REMOTE],
    [RunnerProvider.DEV_AGENT, RunnerKind.REMOTE],
  ] as const;
  for (const [provider, kind] of kinds) {
    const { runner } = await runners().createRunner({ name: "of a kind", provider });
    expect([runner?.provider, runner?.kind]).toEqual([provider, kind]);
  }
  const byKind = await runners().createRunner({ name: "by kind", kind: RunnerKind.REMOTE });
  expect(byKind.runner?.provider).toBe(RunnerProvider.UNSPECIFIED);
});

test("a change is read at once, at every level only what was sent", async () => {
  const created = await runners().createRunner({
    name: "changing",
    provider: RunnerProvider.GCP,
    spec: {
      configuration: {
        region: "europe-west3",
        updateWindow: { startHour: 23, endHour: 1 },
        metrics: { enabled: true, url: "https://m.example", username: "u", password: "metrics-password-1" },
      },
    },
  });
  server.keepSecret("metrics-password-1");
  const runnerId = created.runner?.runnerId ?? "";
  const configurationAfter = async (configuration: object) => {
    await runners().updateRunner({ runnerId, spec: { configuration } });
    return (await runners().getRunner({ runnerId })).runner?.spec?.configuration;
  };
  server.clock.advance(1000);
  await runners().updateRunner({ runnerId, name: "changed" });
  const renamed = (await runners().getRunner({ runnerId })).runner;
  expect(renamed).toMatchObject({ name: "changed", spec: created.runner?.spec });
  expect(renamed?.updatedAt && timestampMs(renamed.updatedAt)).toBe(server.clock.now());

  expect(await configurationAfter({ metrics: { username: "v" } })).toMatchObject({
    region: "europe-west3",
    metrics: { enabled: true, url: "https://m.example", username: "v", password: "" },
  });
  expect((await configurationAfter({ updateWindow: { startHour: 3 } }))?.updateWindow).toMatchObject({
    startHour: 3,
  });
  expect((await configurationAfter({ updateWindow: {} }))?.updateWindow).toBeUndefined();
  const off = { enabled: false, url: "", username: "", password: "", managedMetricsEnabled: false };
  expect((await configurationAfter({ metrics: off }))?.metrics).toBeUndefined();

  await runners().updateRunner({ runnerId, spec: { desiredPhase: RunnerPhase.INACTIVE } });
  expect((await runners().getRunner({ runnerId })).runner?.spec?.desiredPhase).toBe(RunnerPhase.INACTIVE);
});

test("a runner that never connected is gone at once, and the second deletion finds nothing", async () => {
  for (const force of [false, true]) {
    const { runner } = await runners().createRunner({
      name: "short-lived",
      provider: RunnerProvider.AWS_EC2,
    });
    const runnerId = runner?.runnerId ?? "";
    await runners().deleteRunner({ runnerId, force });
    const gone = { code: "not_found", message: "runner not found", reason: "RUNNER_NOT_FOUND" };
    expect(await refusal(runners().getRunner({ runnerId }))).toMatchObject(gone);
    expect(await refusal(runners().deleteRunner({ runnerId, force }))).toMatchObject(gone);
    expect(await refusal(runners().updateRunner({ runnerId, name: "late" }))).toMatchObject(gone);
    expect(await refusal(runners().createRunnerToken({ runnerId }))).toMatchObject(gone);
  }
});

test("the server's own runner can be asked for, but neither made nor deleted", async () => {
  const all = await runners().listRunners({ pagination: { pageSize: 100 } });
  expect(all.runners.some((runner) => runner.kind === RunnerKind.LOCAL_CONFIGURATION)).toBe(false);
  const kinds = [RunnerKind.LOCAL_CONFIGURATION];
  const own = await runners().listRunners({ filter: { kinds } });
  expect(own.runners).toHaveLength(1);
  const runnerId = own.runners[0]?.runnerId ?? "";
  const { runner } = await runners().getRunner({ runnerId });
  expect(runner).toMatchObject({ kind: RunnerKind.LOCAL_CONFIGURATION, status: { message: "" } });
  const refused = { code: "failed_precondition", reason: "LOCAL_CONFIGURATION_IS_SERVER_MADE" };
  expect(await refusal(runners().deleteRunner({ runnerId, force: true }))).toMatchObject(refused);
  const another = { name: "another one", kind: RunnerKind.LOCAL_CONFIGURATION };
  expect(await refusal(runners().createRunner(another))).toMatchObject(refused);
});

test("everything survives a restart, a page token included", async () => {
  const { runner } = await runners().createRunner({ name: "survivor", provider: RunnerProvider.GCP });
  const first = await runners().listRunners({ pagination: { pageSize: 2 } });
  await server.restart();
  expect((await runners().getRunner({ runnerId: runner?.runnerId ?? "" })).runner).toEqual(runner);
  const token = first.pagination?.nextToken ?? "";
  const second = await runners().listRunners({ pagination: { pageSize: 2, token } });
  expect(second.runners).toHaveLength(2);
});
