import type { MessageInitShape } from "@bufbuild/protobuf";
import sodium from "libsodium-wrappers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LLMIntegrationPhase as Phase, SupportedModel } from "../../gen/gitpod/v1/model_pb.js";
import {
  LLMIntegrationRequestHeaderType as HeaderType,
  RunnerConfigurationService,
  type UpdateLLMIntegrationRequestSchema,
} from "../../gen/gitpod/v1/runner_configuration_pb.js";
import { live } from "../fleet/fixture.ts";
import { newId } from "../support/records.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  await sodium.ready;
  server = await startTestServer();
});
afterAll(() => server.close());

const { SONNET_4_5 } = SupportedModel;
const as = () => server.client(RunnerConfigurationService);
const filled = { endpoint: "https://models.example", maxTokens: 7n };
const create = async (runnerId: string, change: object = {}) =>
  (await as().createLLMIntegration({ runnerId, models: [SONNET_4_5], ...change })).id;
const read = async (id: string) => (await as().getLLMIntegration({ id })).integration;
const update = (change: MessageInitShape<typeof UpdateLLMIntegrationRequestSchema>) =>
  as().updateLLMIntegration(change);
const header = (key: string, value: string) => ({
  key,
  value: Buffer.from(value),
  headerType: HeaderType.LLM_INTEGRATION_REQUEST_HEADER_TYPE_LITERAL,
});

describe("the runner says whether an integration works", () => {
  test("in its report, for its own alone, and not over an operator's head", async () => {
    const [agent, other] = [await live(server), await live(server)];
    const [own, off, theirs] = [await create(agent.id), await create(agent.id), await create(other.id)];
    await update({ id: off, phase: Phase.LLM_INTEGRATION_PHASE_DISABLED });
    const say = (phase: Phase, phaseReason = "") =>
      agent.renew({
        status: {
          llm: [own, off, theirs, newId()].map((integrationId) => ({ integrationId, phase, phaseReason })),
        },
      });
    await say(Phase.LLM_INTEGRATION_PHASE_UNAVAILABLE, "insufficient\u0007 funds");
    expect(await read(own)).toMatchObject({
      phase: Phase.LLM_INTEGRATION_PHASE_UNAVAILABLE,
      phaseReason: "insufficient\ufffd funds",
    });
    expect(await read(off)).toMatchObject({ phase: Phase.LLM_INTEGRATION_PHASE_DISABLED, phaseReason: "" });
    expect(await read(theirs)).toMatchObject({ phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE });
    await say(Phase.LLM_INTEGRATION_PHASE_AVAILABLE, "ignored");
    expect(await read(own)).toMatchObject({ phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE, phaseReason: "" });
  });

  test.each([
    [{ integrationId: "one", phase: Phase.LLM_INTEGRATION_PHASE_AVAILABLE }, "status.llm.integration_id"],
    [{ integrationId: newId(), phase: Phase.LLM_INTEGRATION_PHASE_DISABLED }, "status.llm.phase"],
    [
      {
        integrationId: newId(),
        phase: Phase.LLM_INTEGRATION_PHASE_UNAVAILABLE,
        phaseReason: "a".repeat(1025),
      },
      "status.llm.phase_reason",
    ],
  ])("within bounds: %#", async (llm, field) => {
    const agent = await live(server);
    const refused = await refusal(agent.renew({ status: { llm: [llm] } }));
    expect(refused).toMatchObject({ code: "invalid_argument", fields: [field] });
  });
});

describe("what breaks a rule is refused by field, and secrets are not repeated", () => {
  let id: string;
  let runnerId: string;
  beforeAll(async () => {
    const agent = await live(server);
    runnerId = agent.id;
    await agent.renew({ status: { publicKey: sodium.crypto_box_keypair().publicKey } });
    id = await create(runnerId, filled);
  });

  test.each([
    [{ models: [] }, "models"],
    [{ models: [SONNET_4_5, SupportedModel.UNSPECIFIED] }, "models"],
    [{ models: [999] }, "models"],
    [{ endpoint: "models.example" }, "endpoint"],
    [{ endpoint: "ftp://models.example" }, "endpoint"],
    [{ endpoint: " https://models.example" }, "endpoint"],
    [{ endpoint: "https://models.example\n" }, "endpoint"],
    [{ endpoint: `https://models.example/${"a".repeat(2048)}` }, "endpoint"],
    [{ apiKey: "s".repeat(4097) }, "api_key"],
    [{ maxTokens: 2n ** 53n }, "max_tokens"],
  ])("of a creation: %#", async (wrong, field) => {
    const refused = await refusal(create(runnerId, wrong));
    expect(refused).toMatchObject({ code: "invalid_argument", fields: [field] });
    expect(refused.message).not.toContain("sssss");
  });

  const long = "s".repeat(4097);
  test.each([
    [[header("X Team", "a")], "request_headers.key"],
    [[header("", "a")], "request_headers.key"],
    [[header("k".repeat(129), "a")], "request_headers.key"],
    [[header("X-A", "a"), header("x-a", "b")], "request_headers.key"],
    [[header("X-A", long)], "request_headers.value"],
    [[header("X-A", "sssss\r\nX-B: c")], "request_headers.value"],
    [[{ ...header("X-A", ""), value: Buffer.of(0xff) }], "request_headers.value"],
    [Array.from({ length: 51 }, (_, at) => header(`X-${at}`, "a")), "request_headers"],
  ])("of headers: %#", async (requestHeaders, field) => {
    const refused = await refusal(update({ id, requestHeaders }));
    expect(refused).toMatchObject({ code: "invalid_argument", fields: [field] });
    expect(refused.message).not.toContain("sssss");
    expect(await read(id)).toMatchObject({ ...filled, requestHeaders: [] });
  });

  test("at their bounds they are taken", async () => {
    const requestHeaders = Array.from({ length: 50 }, (_, at) =>
      header(`${"k".repeat(126)}${at + 10}`, at === 0 ? "s".repeat(4096) : "\tok"),
    );
    await update({ id, requestHeaders, apiKey: "s".repeat(4096), maxTokens: 2n ** 53n - 1n });
    expect((await read(id))?.requestHeaders).toHaveLength(50);
  });
});
