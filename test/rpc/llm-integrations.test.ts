import { join } from "node:path";
import type { Message, MessageInitShape } from "@bufbuild/protobuf";
import sodium from "libsodium-wrappers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ResourceOperation } from "../../gen/gitpod/v1/event_pb.js";
import {
  LLMIntegrationPhase as Phase,
  SupportedModel,
  SupportedModelSchema,
} from "../../gen/gitpod/v1/model_pb.js";
import {
  type CreateLLMIntegrationRequestSchema,
  LLMIntegrationRequestHeaderType as HeaderType,
  LLMProvider,
  RunnerConfigurationService,
  type UpdateLLMIntegrationRequestSchema,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { RunnerCapability, RunnerService } from "../../gen/gitpod/v1/runner_pb.js";
import { RunnerAgentService } from "../../gen/rollcall/v1/agent_pb.js";
import { defaultQuotas } from "../../src/domain/limits/quotas.ts";
import { openAiModels } from "../../src/domain/llm-integrations/llm-integration.ts";
import { check } from "../../src/store/sqlite/files/check.ts";
import { actor, type Kind, makeWorld, type World } from "../access/world.ts";
import { type Agent, live } from "../fleet/fixture.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { openWatch } from "./events/fixture.ts";

const quotas = { ...defaultQuotas, llmIntegrations: 3 };
let server: TestServer;
let world: World;
beforeAll(async () => {
  await sodium.ready;
  server = await startTestServer({ config: { quotas } });
  world = await makeWorld(server);
});
afterAll(() => server.close());

const as = (kind: Exclude<Kind, "nobody"> = "org admin") =>
  server.client(RunnerConfigurationService, { token: actor(world, kind).token });
const { SONNET_4_5, OPENAI_4O, OPUS_4_8 } = SupportedModel;
const apiKey = "sk-secret-of-the-operator";

interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}
async function liveRunner(): Promise<Agent & { pair: KeyPair }> {
  const agent = await live(server);
  const pair = sodium.crypto_box_keypair();
  await agent.renew({ status: { publicKey: pair.publicKey } });
  return Object.assign(agent, { pair });
}
const opened = (sealed: Uint8Array = new Uint8Array(), { publicKey, privateKey }: KeyPair) =>
  Buffer.from(sodium.crypto_box_seal_open(sealed, publicKey, privateKey)).toString();
type Creation = Exclude<MessageInitShape<typeof CreateLLMIntegrationRequestSchema>, Message>;
async function create(
  runnerId: string,
  change: Omit<Creation, "runnerId" | "$typeName"> = {},
): Promise<string> {
  return (await as().createLLMIntegration({ runnerId, models: [SONNET_4_5], ...change })).id;
}
const read = async (id: string, kind: Exclude<Kind, "nobody"> = "org admin") =>
  (await as(kind).getLLMIntegration({ id })).integration;
const update = (change: MessageInitShape<typeof UpdateLLMIntegrationRequestSchema>) =>
  as().updateLLMIntegration(change);
const header = (
  key: string,
  value: string,
  headerType = HeaderType.LLM_INTEGRATION_REQUEST_HEADER_TYPE_LITERAL,
) => ({
  key,
  value: Buffer.from(value),
  headerType,
});
const filled = { endpoint: "https://Models.example/v1/", maxTokens: 4096n };

describe("an LLM integration", () => {
  test("reads back as it was sent, is available, and its API key is for the runner alone", async () => {
    server.keepSecret(apiKey);
    const { id: runnerId, pair } = await liveRunner();
    const id = await create(runnerId.toUpperCase(), {
      ...filled,
      models: [SONNET_4_5, OPUS_4_8, SONNET_4_5],
      apiKey,
    });
    const integration = await read(id.toUpperCase());
    expect(integration).toMatchObject({
      ...filled,
      id,
      runnerId,
      models: [SONNET_4_5, OPUS_4_8],
      phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE,
      phaseReason: "",
      provider: LLMProvider.LLM_PROVIDER_ANTHROPIC,
      requestHeaders: [],
    });
    expect(opened(integration?.encryptedApiKey, pair)).toBe(apiKey);
  });

  test("changes by presence, and its provider with its models", async () => {
    const { id: runnerId, pair } = await liveRunner();
    const id = await create(runnerId, { ...filled, apiKey });
    await update({ id, maxTokens: 0n });
    expect(await read(id)).toMatchObject({ ...filled, maxTokens: 0n, models: [SONNET_4_5] });
    await update({ id, endpoint: "", models: [SONNET_4_5, OPENAI_4O] });
    const changed = await read(id);
    expect(changed).toMatchObject({
      endpoint: "",
      models: [SONNET_4_5, OPENAI_4O],
      provider: LLMProvider.LLM_PROVIDER_OPENAI,
    });
    expect(opened(changed?.encryptedApiKey, pair)).toBe(apiKey);
    await update({ id, models: [SONNET_4_5], apiKey: "another key" });
    const renewed = await read(id);
    expect(renewed?.provider).toBe(LLMProvider.LLM_PROVIDER_ANTHROPIC);
    expect(opened(renewed?.encryptedApiKey, pair)).toBe("another key");
    await update({ id, apiKey: "" });
    expect((await read(id))?.encryptedApiKey).toHaveLength(0);
  });

  test("is switched off and on by operators, and nothing else", async () => {
    const { id: runnerId } = await liveRunner();
    const id = await create(runnerId);
    await update({ id, phase: Phase.LLM_INTEGRATION_PHASE_DISABLED });
    expect(await read(id)).toMatchObject({ phase: Phase.LLM_INTEGRATION_PHASE_DISABLED });
    await update({ id, phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE });
    expect(await read(id)).toMatchObject({ phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE });
    for (const phase of [
      Phase.LLM_INTEGRATION_PHASE_UNAVAILABLE,
      Phase.LLM_INTEGRATION_PHASE_UNSPECIFIED,
      99,
    ]) {
      expect(await refusal(update({ id, phase }))).toMatchObject({
        code: "invalid_argument",
        fields: ["phase"],
      });
    }
  });

  test("has headers that are replaced together, taken away by an empty value, and sealed", async () => {
    const { id: runnerId, pair } = await liveRunner();
    const id = await create(runnerId);
    const headers = async () => (await read(id))?.requestHeaders ?? [];
    await update({
      id,
      requestHeaders: [header("X-Team", "blue"), { key: "X-Cost", value: Buffer.from("42") }],
    });
    expect(
      (await headers()).map(({ key, value, headerType }) => [key, opened(value, pair), headerType]),
    ).toEqual([
      ["X-Team", "blue", HeaderType.LLM_INTEGRATION_REQUEST_HEADER_TYPE_LITERAL],
      ["X-Cost", "42", HeaderType.LLM_INTEGRATION_REQUEST_HEADER_TYPE_LITERAL],
    ]);
    await update({ id, requestHeaders: [header("x-team", "")] });
    expect((await headers()).map(({ key }) => key)).toEqual(["X-Cost"]);
    await update({ id, requestHeaders: [header("X-New", "1"), header("X-Cost", "")] });
    expect((await headers()).map(({ key }) => key)).toEqual(["X-New"]);
    await update({ id, maxTokens: 1n });
    expect(await headers()).toHaveLength(1);
  });

  test("has expressions for headers only on a runner that evaluates them", async () => {
    const agent = await liveRunner();
    const id = await create(agent.id);
    const requestHeaders = [
      header("X-User", "user.id", HeaderType.LLM_INTEGRATION_REQUEST_HEADER_TYPE_CEL_EXPRESSION),
    ];
    const refused = await refusal(update({ id, requestHeaders }));
    expect(refused).toMatchObject({ code: "failed_precondition", reason: "CAPABILITY_MISSING" });
    expect(refused.message).toContain("capability");
    await agent.renew({
      status: { capabilities: { values: [RunnerCapability.DYNAMIC_LLM_REQUEST_HEADERS] } },
    });
    await update({ id, requestHeaders });
    expect((await read(id))?.requestHeaders).toMatchObject([
      { headerType: HeaderType.LLM_INTEGRATION_REQUEST_HEADER_TYPE_CEL_EXPRESSION },
    ]);
  });

  test("is gone once it is deleted, by force or without, and with its runner", async () => {
    const { id: runnerId } = await liveRunner();
    const [first, second, third] = [await create(runnerId), await create(runnerId), await create(runnerId)];
    expect(await refusal(create(runnerId))).toMatchObject({
      code: "resource_exhausted",
      reason: "TOO_MANY_LLM_INTEGRATIONS",
    });
    await as().deleteLLMIntegration({ id: first });
    await as().deleteLLMIntegration({ id: second, force: true });
    await server.client(RunnerService).deleteRunner({ runnerId, force: true });
    expect(check(join(server.config.dataDir, "rollcall.db")).problems).toEqual([]);
    for (const id of [first, second, third]) {
      for (const call of [read(id), update({ id }), as().deleteLLMIntegration({ id })]) {
        expect(await refusal(call)).toMatchObject({
          code: "not_found",
          reason: "LLM_INTEGRATION_NOT_FOUND",
          message: "LLM integration not found",
        });
      }
    }
  });
});

describe("secrets need the runner's key", () => {
  test("and are refused without one, where an integration without secrets is not", async () => {
    const { id: runnerId } = await live(server);
    const exactly = { code: "failed_precondition", message: "runner does not have a public key" };
    expect(await refusal(create(runnerId, { apiKey }))).toMatchObject(exactly);
    const id = await create(runnerId);
    expect(await refusal(update({ id, apiKey }))).toMatchObject(exactly);
    expect(await refusal(update({ id, requestHeaders: [header("X-A", "b")] }))).toMatchObject(exactly);
    await update({ id, apiKey: "", requestHeaders: [header("X-A", "")] });
  });

  test("and are unreadable once it has another one, until they are set again", async () => {
    const agent = await liveRunner();
    const [keyed, headed, bare] = [
      await create(agent.id, { apiKey }),
      await create(agent.id),
      await create(agent.id),
    ];
    await update({ id: headed, requestHeaders: [header("X-Team", "blue")] });
    const watch = openWatch(server);
    await watch.opened;
    const { publicKey } = sodium.crypto_box_keypair();
    const { notices } = await agent.renew({ status: { publicKey } });
    expect(notices).toEqual([expect.stringContaining("have to be set again")]);
    expect((await agent.renew({ status: { publicKey, version: "2" } })).notices).toEqual([]);
    expect(await read(keyed)).toMatchObject({
      phase: Phase.LLM_INTEGRATION_PHASE_UNAVAILABLE,
      phaseReason: "the API key was sealed to an earlier key of the runner; set it again",
    });
    expect((await read(headed))?.phaseReason).toContain("X-Team");
    expect(await read(bare)).toMatchObject({ phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE });
    await watch.count(3);
    const told = (id: string) =>
      `${ResourceOperation[ResourceOperation.UPDATE_STATUS]} RUNNER_LLM_INTEGRATION ${id}`;
    expect(watch.got).toEqual(expect.arrayContaining([told(keyed), told(headed)]));
    expect(watch.got).not.toContain(told(bare));
    await watch.leave();
    // Neither what the runner says nor a switch makes it readable.
    await agent.renew({
      status: { llm: [{ integrationId: keyed, phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE }] },
    });
    await update({ id: keyed, phase: Phase.LLM_INTEGRATION_PHASE_DISABLED });
    await update({ id: keyed, phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE });
    expect(await read(keyed)).toMatchObject({ phase: Phase.LLM_INTEGRATION_PHASE_UNAVAILABLE });
    await update({ id: keyed, apiKey });
    expect(await read(keyed)).toMatchObject({
      phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE,
      phaseReason: "",
    });
    await update({ id: headed, requestHeaders: [header("x-team", "")] });
    expect(await read(headed)).toMatchObject({
      phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE,
      phaseReason: "",
    });
  });
});

test("users of a runner see its integrations without what is sealed, and others see none", async () => {
  const { runnerId } = world;
  const agentToken = actor(world, "runner itself").token;
  const { publicKey } = sodium.crypto_box_keypair();
  await server.client(RunnerAgentService, { token: agentToken }).renewRegistration({ status: { publicKey } });
  const id = await create(runnerId, { apiKey });
  for (const kind of ["runner admin", "runners admin", "runner itself"] as const) {
    expect((await read(id, kind))?.encryptedApiKey.length).toBeGreaterThan(0);
  }
  expect(await read(id, "runner user")).toMatchObject({ id, encryptedApiKey: new Uint8Array() });
  const ids = async (kind: Exclude<Kind, "nobody">, filter = {}) =>
    (await as(kind).listLLMIntegrations({ filter })).integrations.map((integration) => integration.id);
  expect(await ids("runner user")).toEqual([id]);
  expect(await ids("runner itself")).toEqual([id]);
  expect(await ids("member")).toEqual([]);
  expect(await ids("org admin", { runnerIds: [runnerId.toUpperCase()] })).toEqual([id]);
  expect(await ids("org admin", { runnerIds: [newId()] })).toEqual([]);
  const listed = await as().listLLMIntegrations({ filter: { runnerIds: [runnerId] } });
  expect(listed).toMatchObject({ llmManagedByOna: false, onaIntelligenceProviders: [] });
});

test("models count as OpenAI's by their names", () => {
  const named = SupportedModelSchema.values.filter(({ name }) => name.includes("OPENAI"));
  expect([...openAiModels].sort()).toEqual(named.map(({ number }) => number).sort());
});
