import type { MessageInitShape } from "@bufbuild/protobuf";
import sodium from "libsodium-wrappers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  RunnerConfigurationService,
  type RunnerConfigurationSchemaSchema as SchemaSchema,
  type ValidateRunnerConfigurationRequestSchema,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { actor, type Kind, makeWorld, type World } from "../access/world.ts";
import { type Agent, live } from "../fleet/fixture.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let world: World;
beforeAll(async () => {
  await sodium.ready;
  server = await startTestServer();
  world = await makeWorld(server);
});
afterAll(() => server.close());

const as = (kind: Exclude<Kind, "nobody"> = "org admin") =>
  server.client(RunnerConfigurationService, { token: actor(world, kind).token });
const schemaOf = async (runnerId: string) => (await as().getRunnerConfigurationSchema({ runnerId })).schema;

const reported: MessageInitShape<typeof SchemaSchema> = {
  version: "7",
  environmentClasses: [
    { id: "machine", required: true, type: { case: "string", value: { pattern: "^m[0-9]$" } } },
    { id: "spot", type: { case: "bool", value: {} } },
    { id: "disk", type: { case: "int", value: { min: 10, max: 100 } } },
    {
      id: "zone",
      type: {
        case: "enum",
        value: { possibleValues: [{ title: "a" }, { title: "b" }], defaultValue: { title: "a" } },
      },
    },
    { id: "evil", type: { case: "string", value: { pattern: "^(a+)+$" } } },
    { id: "broken", type: { case: "string", value: { pattern: "(" } } },
  ],
  scm: [
    { scmId: "github", name: "GitHub", oauth: { callbackUrl: "https://r.example/back" }, pat: {} },
    { scmId: "gitea", name: "Gitea\u0007" },
  ],
};

describe("the configuration schema of a runner", () => {
  test("is built in until the runner says otherwise", async () => {
    const { id } = await live(server);
    const schema = await schemaOf(id.toUpperCase());
    expect(schema).toMatchObject({ version: "builtin-1", environmentClasses: [], runnerConfig: [] });
    expect(schema?.scm.map(({ scmId, defaultHosts }) => [scmId, ...defaultHosts])).toEqual([
      ["github", "github.com"],
      ["gitlab", "gitlab.com"],
      ["bitbucket", "bitbucket.org"],
      ["azuredevops_entra", "dev.azure.com"],
      ["azuredevops_server"],
    ]);
    for (const { oauth, pat } of schema?.scm ?? []) {
      expect(oauth).toBeUndefined();
      expect(pat?.docsLink).toMatch(/^https:/);
    }
  });

  test("is the latest that the runner reported, cleaned, and kept while it is away", async () => {
    const agent = await live(server);
    const { notices } = await agent.renew({ status: { schema: reported } });
    expect(notices).toEqual([expect.stringMatching(/^schema: 1 control character/)]);
    await agent.renew({ status: { version: "2" } });
    const schema = await schemaOf(agent.id);
    expect(schema?.scm[1]).toMatchObject({ scmId: "gitea", name: "Gitea\ufffd" });
    const zone = schema?.environmentClasses.find(({ id }) => id === "zone")?.type;
    expect(zone?.value).toMatchObject({ default: "a", values: ["a", "b"] });
    await agent.renew({ status: { schema: { version: "8" } } });
    expect(await schemaOf(agent.id)).toMatchObject({ version: "8", scm: [] });
  });

  test("is 64 KiB at most", async () => {
    const agent = await live(server);
    const sized = (length: number) => agent.renew({ status: { schema: { version: "v".repeat(length) } } });
    await sized(65_536 - 4);
    expect(await refusal(sized(65_536))).toMatchObject({
      code: "invalid_argument",
      fields: ["status.schema"],
    });
    expect((await schemaOf(agent.id))?.version).toHaveLength(65_536 - 4);
  });

  test("decides what new classes and integrations may be", async () => {
    const agent = await live(server);
    await agent.renew({ status: { schema: reported } });
    const sized = { runnerId: agent.id, displayName: "Large", description: "Large one" };
    const unknown = as().createEnvironmentClass({ ...sized, configuration: [{ key: "gpu", value: "1" }] });
    expect(await refusal(unknown)).toMatchObject({ code: "invalid_argument" });
    await as().createEnvironmentClass({ ...sized, configuration: [{ key: "machine", value: "m1" }] });
    const integration = { runnerId: agent.id, host: "git.example", pat: true };
    await as().createSCMIntegration({ ...integration, scmId: "gitea" });
    expect(await refusal(as().createSCMIntegration({ ...integration, scmId: "gitlab" }))).toMatchObject({
      fields: ["scm_id"],
    });
  });
});

type Config = NonNullable<MessageInitShape<typeof ValidateRunnerConfigurationRequestSchema>["config"]>;
const validate = async (runnerId: string, config: Config, kind: Exclude<Kind, "nobody"> = "org admin") =>
  (await as(kind).validateRunnerConfiguration({ runnerId, config })).result.value;
const good = {
  displayName: "Large",
  description: "Large one",
  configuration: [{ key: "machine", value: "m1" }],
};

/** A live runner that listens, and says that it can answer nothing: the server's own verdict stands. */
async function listening(): Promise<Agent> {
  const agent = await live(server);
  void agent.watch().ended();
  return agent;
}

describe("a class is judged as a result, never as an error", () => {
  let agent: Agent;
  beforeAll(async () => {
    agent = await listening();
    await agent.renew({ status: { schema: reported } });
  });
  const judge = (change: object) =>
    validate(agent.id, { case: "environmentClass", value: { ...good, ...change } });

  test("that finds nothing wrong", async () => {
    expect(await judge({})).toMatchObject({ valid: true, configurationErrors: [] });
    const all = { machine: "m2", spot: "true", disk: "100", zone: "b", evil: "", broken: "x" };
    const configuration = Object.entries(all).map(([key, value]) => ({ key, value }));
    expect(await judge({ configuration })).toMatchObject({ valid: true, configurationErrors: [] });
  });

  test("of its name and description", async () => {
    for (const text of ["ab", "n".repeat(201)]) {
      expect(await judge({ displayName: text, description: text })).toMatchObject({
        valid: false,
        displayNameError: "must have 3 to 127 characters",
        descriptionError: "must have 3 to 200 characters",
      });
    }
  });

  test.each([
    [[], [["machine", "is required"]]],
    [[["machine", ""]], [["machine", "is required"]]],
    [[["machine", "x"]], [["machine", "must match ^m[0-9]$"]]],
    [
      [
        ["machine", "m1"],
        ["machine", "m1"],
      ],
      [["machine", "is there twice"]],
    ],
    [
      [
        ["machine", "m1"],
        ["gpu", "1"],
      ],
      [["gpu", "is no setting of this runner"]],
    ],
    [
      [
        ["machine", "m1"],
        ["spot", "yes"],
      ],
      [["spot", "must be true or false"]],
    ],
    [
      [
        ["machine", "m1"],
        ["disk", "9"],
      ],
      [["disk", "must be a whole number from 10 to 100"]],
    ],
    [
      [
        ["machine", "m1"],
        ["disk", "10.5"],
      ],
      [["disk", "must be a whole number from 10 to 100"]],
    ],
    [
      [
        ["machine", "m1"],
        ["zone", "c"],
      ],
      [["zone", "must be one of the choices that the runner offers"]],
    ],
    [
      [
        ["machine", "m1"],
        ["spot", "t".repeat(1025)],
      ],
      [["spot", "must have at most 1024 characters"]],
    ],
  ])("of its settings: %#", async (settings, errors) => {
    const configuration = settings.map(([key = "", value = ""]) => ({ key, value }));
    expect(await judge({ configuration })).toMatchObject({
      valid: false,
      configurationErrors: errors.map(([key, error]) => ({ key, error })),
    });
  });

  test("that no expression of a runner holds up, and that names a hundred errors at most", async () => {
    const configuration = [...good.configuration, { key: "evil", value: `${"a".repeat(60)}!` }];
    expect(await judge({ configuration })).toMatchObject({ valid: true });
    const many = Array.from({ length: 100 }, (_, at) => ({ key: `k${at}`, value: "" }));
    expect(await judge({ configuration: many })).toMatchObject({ valid: false });
    const tooMany = [...many, { key: "k100", value: "" }];
    const verdict = await judge({ configuration: tooMany });
    expect(verdict).toMatchObject({ configurationErrors: [{ error: "must have at most 100 settings" }] });
  });

  test("by the built-in schema, which has no settings", async () => {
    const { id } = await listening();
    expect(await validate(id, { case: "environmentClass", value: good })).toMatchObject({ valid: true });
  });
});

test("what names no runner, nothing to judge, or an integration of another runner is refused", async () => {
  const { id: runnerId } = await listening();
  const config = { case: "environmentClass", value: good } as const;
  for (const wrong of ["", "runner"]) {
    expect(await refusal(validate(wrong, config))).toMatchObject({ fields: ["runner_id"] });
  }
  expect(await refusal(as().validateRunnerConfiguration({ runnerId }))).toMatchObject({
    code: "invalid_argument",
    fields: ["config"],
  });
  const foreign = {
    case: "scmIntegration",
    value: { id: newId(), scmId: "github", host: "github.com" },
  } as const;
  expect(await refusal(validate(runnerId, foreign))).toMatchObject({ code: "not_found" });
  expect(await refusal(validate(world.runnerId, config, "runner user"))).toMatchObject({
    code: "permission_denied",
  });
  expect(await validate(world.runnerId, config, "read-only")).toMatchObject({ valid: true });
});
