import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EnvironmentService } from "../../gen/gitpod/v1/environment_pb.js";
import {
  RunnerConfigurationService,
  RunnerKind,
  RunnerProvider,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { defaultQuotas } from "../../src/domain/limits/quotas.ts";
import { actor, type Kind, makeWorld, type World } from "../access/world.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const quotas = { ...defaultQuotas, enabledClasses: 3, classes: 5 };
let server: TestServer;
let world: World;
beforeAll(async () => {
  server = await startTestServer({ config: { quotas } });
  world = await makeWorld(server);
});
afterAll(() => server.close());

const as = (kind: Exclude<Kind, "nobody"> = "org admin") =>
  server.client(RunnerConfigurationService, { token: actor(world, kind).token });
const sized = {
  displayName: "Large",
  description: "Eight cores",
  configuration: [{ key: "cpu", value: "8" }],
};
const newRunner = async () => (await world.newRunner()).id;
const newClass = async (runnerId: string, change = {}) =>
  (await as().createEnvironmentClass({ runnerId, ...sized, ...change })).id;
const read = async (environmentClassId: string) =>
  (await as().getEnvironmentClass({ environmentClassId })).environmentClass;
const idsOf = async (filter: object, kind: Exclude<Kind, "nobody"> = "org admin") =>
  (await as(kind).listEnvironmentClasses({ filter })).environmentClasses.map(({ id }) => id);

describe("an environment class", () => {
  test("reads back byte for byte, in its order, and is enabled", async () => {
    const runnerId = await newRunner();
    const configuration = [
      { key: "spot", value: "" },
      { key: "Cpu", value: " 8 " },
      { key: "cpu", value: "ünï" },
    ];
    const id = await newClass(runnerId.toUpperCase(), { configuration });
    expect(await read(id.toUpperCase())).toMatchObject({
      ...sized,
      id,
      runnerId,
      configuration,
      enabled: true,
    });
  });

  test("changes by presence, and by nothing when nothing is sent", async () => {
    const id = await newClass(await newRunner());
    const update = (change: object) => as().updateEnvironmentClass({ environmentClassId: id, ...change });
    for (const change of [
      { displayName: "Small" },
      { description: "Two" + " cores" },
      { enabled: false },
      {},
    ]) {
      const before = await read(id);
      await update(change);
      expect(await read(id)).toEqual({ ...before, ...change });
    }
  });

  test.each([
    ["no key", [{ key: "", value: "x" }], "configuration.key"],
    ["a long key", [{ key: "k".repeat(129), value: "x" }], "configuration.key"],
    ["a long value", [{ key: "k", value: "v".repeat(1025) }], "configuration.value"],
    [
      "a key twice",
      [
        { key: "k", value: "1" },
        { key: "k", value: "2" },
      ],
      "configuration.key",
    ],
    ["101 settings", Array.from({ length: 101 }, (_, at) => ({ key: `k${at}`, value: "" })), "configuration"],
  ])("is refused with %s", async (_name, configuration, field) => {
    const wrong = await refusal(
      as().createEnvironmentClass({ runnerId: world.runnerId, ...sized, configuration }),
    );
    expect(wrong.code).toBe("invalid_argument");
    expect(wrong.fields.map((path) => path.replace(/\.\d+/, ""))).toEqual([field]);
  });

  test("takes 100 settings of the longest key and value", async () => {
    const configuration = Array.from({ length: 100 }, (_, at) => ({
      key: `${at}`.padEnd(128, "k"),
      value: "v".repeat(1024),
    }));
    const id = await newClass(await newRunner(), { configuration });
    expect((await read(id))?.configuration).toMatchObject(configuration);
  });

  test("cannot be on the LOCAL_CONFIGURATION runner", async () => {
    const filter = { kinds: [RunnerKind.LOCAL_CONFIGURATION] };
    const { runners } = await server.client(RunnerService).listRunners({ filter });
    const call = as().createEnvironmentClass({ runnerId: runners[0]?.runnerId ?? "", ...sized });
    expect(await refusal(call)).toMatchObject({
      code: "failed_precondition",
      reason: "LOCAL_CONFIGURATION_RUNS_NOTHING",
    });
  });

  test("is not found under another id, in another organisation, or once its runner is deleted", async () => {
    const runnerId = await newRunner();
    const environmentClassId = await newClass(runnerId);
    const gone = {
      code: "not_found",
      message: "environment class not found",
      reason: "ENVIRONMENT_CLASS_NOT_FOUND",
    };
    const absent = { environmentClassId: newId() };
    expect(await refusal(as().getEnvironmentClass(absent))).toMatchObject(gone);
    expect(await refusal(as().updateEnvironmentClass(absent))).toMatchObject(gone);
    for (const kind of ["other org admin", "member", "other runner"] as const) {
      expect(await refusal(as(kind).getEnvironmentClass({ environmentClassId }))).toMatchObject(gone);
    }
    await server.client(RunnerService).deleteRunner({ runnerId, force: true });
    expect(await refusal(as().getEnvironmentClass({ environmentClassId }))).toMatchObject(gone);
    expect(await idsOf({ runnerIds: [runnerId] })).toEqual([]);
  });
});

describe("the quota", () => {
  test("counts enabled classes of the runner, and all of them up to a second limit", async () => {
    const runnerId = await newRunner();
    const [first = ""] = [await newClass(runnerId), await newClass(runnerId), await newClass(runnerId)];
    const full = { code: "resource_exhausted", reason: "TOO_MANY_ENVIRONMENT_CLASSES" };
    const create = () => as().createEnvironmentClass({ runnerId, ...sized });
    expect(await refusal(create())).toMatchObject(full);
    const setEnabled = (environmentClassId: string, enabled: boolean) =>
      as().updateEnvironmentClass({ environmentClassId, enabled });
    await setEnabled(first, false);
    const fourth = (await create()).id;
    expect(await refusal(setEnabled(first, true))).toMatchObject(full);
    // One that is on stays on, whatever the count.
    await setEnabled(fourth, true);
    await setEnabled(fourth, false);
    await setEnabled((await create()).id, false);
    expect(await refusal(create())).toMatchObject({
      ...full,
      message: expect.stringContaining("there are 5"),
    });
    expect(await idsOf({ runnerIds: [await newRunner()] })).toEqual([]);
  });
});

describe("the list", () => {
  test("narrows by runner, state, kind and provider, newest first", async () => {
    const [one, two] = [await newRunner(), await newRunner()];
    const [a, b, c] = [await newClass(one), await newClass(two), await newClass(one)];
    await as().updateEnvironmentClass({ environmentClassId: a, enabled: false });
    const both = [one, two.toUpperCase()];
    expect(await idsOf({ runnerIds: both })).toEqual([c, b, a]);
    expect(await idsOf({ runnerIds: [one] })).toEqual([c, a]);
    expect(await idsOf({ runnerIds: both, enabled: true })).toEqual([c, b]);
    expect(await idsOf({ runnerIds: both, enabled: false })).toEqual([a]);
    const seen = {
      runnerKinds: [RunnerKind.REMOTE, RunnerKind.LOCAL],
      runnerProviders: [RunnerProvider.AWS_EC2],
    };
    expect(await idsOf({ runnerIds: both, ...seen })).toEqual([c, b, a]);
    expect(await idsOf({ runnerIds: both, runnerKinds: [RunnerKind.LOCAL] })).toEqual([]);
    expect(await idsOf({ runnerIds: both, runnerProviders: [RunnerProvider.GCP] })).toEqual([]);
    expect(await idsOf({ runnerIds: [newId()] })).toEqual([]);
  });

  test("has what is on the runners that the caller sees", async () => {
    const id = await newClass(world.runnerId);
    const runnerIds = [world.runnerId];
    const sees = ["org admin", "runners admin", "runner admin", "runner user", "runner itself"] as const;
    for (const kind of sees) {
      expect(await idsOf({ runnerIds }, kind)).toContain(id);
      expect(await idsOf({}, kind)).toContain(id);
    }
    for (const kind of ["member", "other runner", "other org admin", "service account"] as const) {
      expect(await idsOf({ runnerIds }, kind)).toEqual([]);
      expect(await idsOf({}, kind)).not.toContain(id);
    }
  });

  test("knows which classes the caller may use: those that it sees, a runner none", async () => {
    const runnerIds = [world.runnerId];
    const filter = (canCreateEnvironments: boolean) => ({ runnerIds, canCreateEnvironments });
    expect((await idsOf(filter(true), "runner user")).length).toBeGreaterThan(0);
    expect(await idsOf(filter(false), "runner user")).toEqual([]);
    expect(await idsOf(filter(true), "runner itself")).toEqual([]);
    expect((await idsOf(filter(false), "runner itself")).length).toBeGreaterThan(0);
  });

  test("is the same by the name that SDKs call, and pages with one token for both", async () => {
    const runnerId = await newRunner();
    const made = [await newClass(runnerId), await newClass(runnerId), await newClass(runnerId)].reverse();
    const byEnvironments = server.client(EnvironmentService);
    const filter = { runnerIds: [runnerId] };
    const first = await byEnvironments.listEnvironmentClasses({ filter, pagination: { pageSize: 2 } });
    const token = first.pagination?.nextToken ?? "";
    const second = await as().listEnvironmentClasses({ filter, pagination: { pageSize: 2, token } });
    expect([...first.environmentClasses, ...second.environmentClasses].map(({ id }) => id)).toEqual(made);
    expect(second.pagination?.nextToken).toBe("");
    const elsewhere = as().listEnvironmentClasses({ filter: {}, pagination: { token } });
    expect(await refusal(elsewhere)).toMatchObject({
      code: "invalid_argument",
      fields: ["pagination.token"],
    });
  });
});
