import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { createValidator } from "@bufbuild/protovalidate";
import { describe, expect, test } from "vitest";
import {
  RenewRegistrationRequestSchema,
  RenewRegistrationResponseSchema,
  ReportRunnerMetricsRequestSchema,
  SignOffRequestSchema,
} from "../../../gen/rollcall/v1/agent_pb.js";
import { RunnerPhase } from "../../../src/domain/runners/enums.ts";
import { id } from "./fixture.ts";

const validator = createValidator();

function violations<D extends DescMessage>(schema: D, init: MessageInitShape<D>): string[] {
  const result = validator.validate(schema, create(schema, init));
  if (result.kind === "error") throw result.error;
  return result.kind === "valid" ? [] : result.violations.map((v) => v.ruleId);
}

type Status = NonNullable<MessageInitShape<typeof RenewRegistrationRequestSchema>["status"]>;
const status = (status: Status) => violations(RenewRegistrationRequestSchema, { generation: 1, status });
const sample = (over: object) =>
  violations(ReportRunnerMetricsRequestSchema, { generation: 1, samples: [{ name: "jobs_total", ...over }] });

describe("a renewal without news", () => {
  test("is under 100 bytes each way, at the largest numbers", () => {
    const request = create(RenewRegistrationRequestSchema, {
      runnerId: id(1),
      generation: 0xffff_ffff,
      appliedSpecRevision: 0xffff_ffff,
    });
    expect(toBinary(RenewRegistrationRequestSchema, request).length).toBeLessThan(100);
    const response = create(RenewRegistrationResponseSchema, {
      generation: 0xffff_ffff,
      renewAfter: durationFromMs(3_599_999),
      lease: durationFromMs(7_199_999),
      intervalStretchPercent: 1000,
    });
    expect(toBinary(RenewRegistrationResponseSchema, response).length).toBeLessThan(100);
  });
});

describe("what a runner reports is bounded", () => {
  const text = (length: number) => "x".repeat(length);
  const entries = (count: number, key = "k", value = "v") => ({
    entries: Array.from({ length: count }, () => ({ key, value })),
  });
  test.each<[string, Status]>([
    [
      "everything at its limit",
      { message: "🚀".repeat(4096), version: text(256), systemDetails: text(16_384) },
    ],
    ["URLs", { logUrl: `https://${text(2040)}`, llmUrl: "http://host:1/", supportBundleUrl: "" }],
    ["256 capabilities", { capabilities: { values: new Array(256).fill(3) } }],
    ["a capability that the server does not know", { capabilities: { values: [999] } }],
    ["100 pairs", { additionalInfo: entries(100, text(128), text(1024)) }],
    ["a key of 32 bytes", { publicKey: new Uint8Array(32) }],
    ["empty lists and no gateway", { capabilities: {}, additionalInfo: {}, gatewayInfo: {} }],
    ["winding down", { phase: RunnerPhase.DELETING }],
  ])("accepts %s", (_, good) => {
    expect(status(good)).toEqual([]);
  });

  test.each<[string, Status, string]>([
    ["a message of 4097 characters", { message: text(4097) }, "string.max_len"],
    ["a status of 1 MiB", { systemDetails: text(2 ** 20) }, "string.max_bytes"],
    ["system details over 16 KiB in UTF-8", { systemDetails: "é".repeat(8193) }, "string.max_bytes"],
    ["10,000 capabilities", { capabilities: { values: new Array(10_000).fill(3) } }, "repeated.max_items"],
    ["the unspecified capability", { capabilities: { values: [0] } }, "enum.not_in"],
    ["101 pairs", { additionalInfo: entries(101) }, "repeated.max_items"],
    ["an empty key", { additionalInfo: entries(1, "") }, "agent.additional_info.bounds"],
    ["a long value", { additionalInfo: entries(1, "k", text(1025)) }, "agent.additional_info.bounds"],
    ["a key of 31 bytes", { publicKey: new Uint8Array(31) }, "bytes.len"],
    ["a key of 33 bytes", { publicKey: new Uint8Array(33) }, "bytes.len"],
    ["no key", { publicKey: new Uint8Array() }, "bytes.len"],
    ["a script for a URL", { logUrl: "javascript:alert(1)" }, "string.pattern"],
    ["a URL with a line break", { llmUrl: "https://a\nb" }, "string.pattern"],
    ["a long URL", { supportBundleUrl: `https://${text(2041)}` }, "string.max_len"],
    ["a phase that is the server's to say", { phase: RunnerPhase.CREATED }, "enum.in"],
    ["a gateway without a name", { gatewayInfo: { gateway: { url: "https://g" } } }, "required"],
    [
      "a long gateway name",
      { gatewayInfo: { gateway: { name: text(257), url: "u" } } },
      "agent.gateway_info.bounds",
    ],
  ])("refuses %s", (_, bad, rule) => {
    expect(status(bad)).toEqual([rule]);
  });

  test("needs a generation to sign off, and a runner id that is one", () => {
    expect(violations(SignOffRequestSchema, {})).toEqual(["uint32.gte"]);
    expect(violations(RenewRegistrationRequestSchema, { runnerId: "me" })).toEqual(["string.uuid"]);
  });
});

describe("metrics", () => {
  test.each([
    ["a plain sample", {}],
    ["no finite value", { value: Number.NaN }],
    [
      "labels",
      {
        labels: [
          { name: "a", value: "" },
          { name: "b", value: "\n" },
        ],
      },
    ],
  ])("accept %s", (_, good) => {
    expect(sample(good)).toEqual([]);
  });

  test.each([
    ["a name that Prometheus would refuse", { name: "jobs-total" }, "string.pattern"],
    ["no name", { name: "" }, "string.pattern"],
    ["a label of ours", { labels: [{ name: "runner_id", value: "x" }] }, "agent.metric.label_reserved"],
    ["a reserved label", { labels: [{ name: "__name__", value: "x" }] }, "agent.metric.label_reserved"],
    ["a label twice", { labels: [{ name: "a" }, { name: "a" }] }, "agent.metric.labels_unique"],
    [
      "21 labels",
      { labels: Array.from({ length: 21 }, (_, i) => ({ name: `l${i}` })) },
      "repeated.max_items",
    ],
    ["an unknown type", { type: 9 }, "enum.defined_only"],
  ])("refuse %s", (_, bad, rule) => {
    expect(sample(bad)).toEqual([rule]);
  });

  test("refuse more than 1,000 samples", () => {
    const samples = Array.from({ length: 1_001 }, () => ({ name: "a" }));
    expect(violations(ReportRunnerMetricsRequestSchema, { generation: 1, samples })).toEqual([
      "repeated.max_items",
    ]);
  });
});
