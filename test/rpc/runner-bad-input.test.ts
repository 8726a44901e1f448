import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunnerKind, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerPhase, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { addRunnerManager } from "../support/database.ts";
import { refusal, refusals } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let runnerId: string;
beforeAll(async () => {
  server = await startTestServer();
  const made = await runners().createRunner({ name: "target", provider: RunnerProvider.AWS_EC2 });
  runnerId = made.runner?.runnerId ?? "";
});
afterAll(() => server.close());
const runners = () => server.client(RunnerService);
const provider = RunnerProvider.AWS_EC2;
const create = "gitpod.v1.RunnerService/CreateRunner";

test("an empty body says everything that is wrong", async () => {
  const answer = await server.post(create, {});
  expect(answer.status).toBe(400);
  const { code, message } = answer.json<{ code: string; message: string }>();
  expect(code).toBe("invalid_argument");
  expect(message).toContain("name: must be at least 3 characters");
  expect(message).toContain("provider is missing");
});

describe("names are counted in code points", () => {
  test.each([2, 128])("%i are refused, naming field and rule", async (length) => {
    for (const character of ["n", "𝔯"]) {
      const refused = await refusal(runners().createRunner({ name: character.repeat(length), provider }));
      expect(refused).toMatchObject({ code: "invalid_argument", fields: ["name"] });
      expect(refused.rules[0]).toMatch(/^string\.(min|max)_len$/);
    }
  });

  test.each([3, 127])("%i are accepted, and come back whole", async (length) => {
    for (const character of ["n", "𝔯"]) {
      const name = character.repeat(length);
      expect((await runners().createRunner({ name, provider })).runner?.name).toBe(name);
    }
  });
});

describe("kind, provider and manager", () => {
  test.each([
    ["both", { kind: RunnerKind.REMOTE, provider }, "runner.create.kind_xor_provider"],
    ["neither", {}, "runner.create.kind_xor_provider"],
    [
      "a manager on a runner that is not managed",
      { provider, runnerManagerId: "01a20a9d-23a1-7000-92ac-9b0795ef3a2a" },
      "runner.create.manager_id_iff_managed",
    ],
    ["a managed one without", { provider: RunnerProvider.MANAGED }, "runner.create.manager_id_iff_managed"],
  ])("%s", async (_what, request, rule) => {
    const refused = await refusal(runners().createRunner({ name: "refused", ...request }));
    expect(refused).toMatchObject({ code: "invalid_argument", rules: [rule] });
  });

  test("the manager must exist, and takes one runner", async () => {
    const managed = { name: "managed", provider: RunnerProvider.MANAGED };
    const unknown = { ...managed, runnerManagerId: "01a20a9d-23a1-7000-92ac-9b0795ef3a2a" };
    const missing = { code: "not_found", reason: "RUNNER_MANAGER_NOT_FOUND" };
    expect(await refusal(runners().createRunner(unknown))).toMatchObject(missing);
    const { runner } = await runners().getRunner({ runnerId });
    expect(runner).toBeDefined();
    const who = await server.post("gitpod.v1.IdentityService/GetAuthenticatedIdentity", {});
    const { organizationId } = who.json<{ organizationId: string }>();
    const known = {
      ...managed,
      runnerManagerId: addRunnerManager(`${server.config.dataDir}/rollcall.db`, organizationId),
    };
    expect((await runners().createRunner(known)).runner?.kind).toBe(RunnerKind.REMOTE);
    const taken = await refusal(runners().createRunner(known));
    expect(taken).toMatchObject({ code: "already_exists", reason: "RUNNER_MANAGER_TAKEN" });
    expect(taken.headers.get("x-should-retry")).toBe("false");
  });
});

describe("enums", () => {
  test("an unknown number over gRPC", async () => {
    const refused = await refusal(
      runners().createRunner({ name: "numbered", provider: 99 as RunnerProvider }),
    );
    expect(refused).toMatchObject({
      code: "invalid_argument",
      fields: ["provider"],
      rules: ["enum.defined_only"],
    });
  });

  test("an unknown name over JSON names the field; an unknown field is ignored", async () => {
    const answer = await server.post(create, { name: "named", provider: "RUNNER_PROVIDER_AWS_EC22" });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ code: "invalid_argument" });
    expect(answer.json<{ message: string }>().message).toContain("provider");
    const extra = await server.post(create, {
      name: "named",
      provider: "RUNNER_PROVIDER_GCP",
      colour: "red",
    });
    expect(extra.status).toBe(200);
  });

  test.each([
    RunnerPhase.CREATED,
    RunnerPhase.DELETING,
    RunnerPhase.DELETED,
    RunnerPhase.DEGRADED,
    77 as RunnerPhase,
  ])("phase %i can be wanted neither on Create nor on Update", async (desiredPhase) => {
    const spec = { desiredPhase };
    const onCreate = await refusal(runners().createRunner({ name: "phased", provider, spec }));
    expect(onCreate).toMatchObject({ code: "invalid_argument", rules: ["runner.create.desired_phase"] });
    const onUpdate = await refusal(runners().updateRunner({ runnerId, spec }));
    expect(onUpdate).toMatchObject({ code: "invalid_argument", rules: ["runner.update.desired_phase"] });
  });
});

describe("update windows", () => {
  const rules = [
    [{ startHour: 5, endHour: 6 }, "update_window.min_two_hours"],
    [{ startHour: 5, endHour: 5 }, "update_window.min_two_hours"],
    [{ startHour: 24 }, "update_window.start_hour"],
    [{ startHour: 1, endHour: 24 }, "update_window.end_hour"],
    [{ endHour: 4 }, "update_window.start_required"],
  ] as const;
  test.each(rules)("%j is refused", async (updateWindow, rule) => {
    const configuration = { updateWindow };
    for (const refused of await refusals([
      runners().createRunner({ name: "windowed", provider, spec: { configuration } }),
      runners().updateRunner({ runnerId, spec: { configuration } }),
    ])) {
      expect(refused.code).toBe("invalid_argument");
      expect(refused.rules).toContain(rule);
    }
  });

  test.each([{ startHour: 23, endHour: 1 }, { startHour: 0 }, { startHour: 0, endHour: 23 }])(
    "%j is accepted",
    async (updateWindow) => {
      await runners().updateRunner({ runnerId, spec: { configuration: { updateWindow } } });
      const { runner } = await runners().getRunner({ runnerId });
      expect(runner?.spec?.configuration?.updateWindow).toMatchObject(updateWindow);
    },
  );
});

describe("lists", () => {
  test.each([-1, 101])("page size %i", async (pageSize) => {
    const refused = await refusal(runners().listRunners({ pagination: { pageSize } }));
    expect(refused).toMatchObject({ code: "invalid_argument", fields: ["pagination.page_size"] });
  });

  test("page size 0 is 25, and the token leads on", async () => {
    for (let made = 0; made < 26; made++) await runners().createRunner({ name: `listed ${made}`, provider });
    const first = await runners().listRunners({ pagination: { pageSize: 0 } });
    expect(first.runners).toHaveLength(25);
    expect(first.pagination?.nextToken).not.toBe("");
  });

  test("a token that is damaged, or belongs to another filter", async () => {
    const { pagination } = await runners().listRunners({ pagination: { pageSize: 1 } });
    const token = pagination?.nextToken ?? "";
    const broken = [
      "x",
      "🦀",
      token.slice(1),
      `${token}A`,
      token.replace(/^./, "B"),
      `${token.slice(0, -1)}_`,
    ];
    for (const bad of broken) {
      const refused = await refusal(runners().listRunners({ pagination: { token: bad } }));
      expect(refused).toMatchObject({ code: "invalid_argument", fields: ["pagination.token"] });
    }
    const filter = { providers: [provider] };
    const borrowed = await refusal(runners().listRunners({ pagination: { token }, filter }));
    expect(borrowed).toMatchObject({ code: "invalid_argument", fields: ["pagination.token"] });
  });
});

test.each(["", "no-uuid", "01a20a9d-23a1-7000-92ac-9b0795ef3a2", "01a20a9d23a1700092ac9b0795ef3a2a"])(
  "the id %j is no UUID",
  async (bad) => {
    for (const refused of await refusals([
      runners().getRunner({ runnerId: bad }),
      runners().updateRunner({ runnerId: bad }),
      runners().deleteRunner({ runnerId: bad }),
      runners().createRunnerToken({ runnerId: bad }),
      runners().listRunners({ filter: { creatorIds: [bad] } }),
    ])) {
      expect(refused.code).toBe("invalid_argument");
    }
  },
);

test.each([
  ["no JSON", "{"],
  ["not an object", "[]"],
  ["invalid UTF-8", new Uint8Array([...Buffer.from('{"name":"'), 0xff, 0xfe, ...Buffer.from('"}')])],
  ["a wrong type", '{"name":7}'],
])("a body that is %s", async (_what, body) => {
  const answer = await server.post(create, body);
  expect([answer.status, answer.json().code]).toEqual([400, "invalid_argument"]);
});

test("nothing of all this was kept", async () => {
  const names = new Set<string>();
  let token = "";
  do {
    const page = await runners().listRunners({ pagination: { pageSize: 100, token } });
    for (const { name } of page.runners) names.add(name);
    token = page.pagination?.nextToken ?? "";
  } while (token !== "");
  for (const refused of ["refused", "numbered", "phased", "windowed"]) expect(names).not.toContain(refused);
});
