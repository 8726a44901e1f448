import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MetricSampleSchema, ReportRunnerMetricsRequestSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import { brokenByReport, keepsRules } from "../../../src/rpc/call/sample-rules.ts";

// The plain rules are held to those of the contract, which the library reads from it.

const validator = createValidator();

/** Names around each of the rules. */
const name = (most: number) =>
  fc.oneof(
    fc.constantFrom(
      "",
      "_",
      "__",
      "__name",
      "_a",
      "a",
      "a:b",
      ":",
      "9a",
      "a\n",
      "é",
      "runner_id",
      "provider",
      "runner_name",
    ),
    fc.integer({ min: most - 1, max: most + 1 }).map((length) => "n".repeat(length)),
    fc.string({ unit: fc.constantFrom("a", "Z", "_", "0", ":", "-", "😀"), maxLength: 6 }),
  );
const label = fc.record({
  name: name(100),
  value: fc.oneof(
    fc.string({ maxLength: 5 }),
    fc.integer({ min: 499, max: 501 }).map((length) => "😀".repeat(length)),
    fc.integer({ min: 499, max: 501 }).map((length) => "v".repeat(length)),
  ),
});
const goodLabel = fc.record({
  name: fc.constantFrom("a", "b", "_c", "d0"),
  value: fc.string({ maxLength: 3 }),
});
const sample = fc.record({
  name: fc.oneof(fc.constantFrom("a", "up"), name(200)),
  labels: fc.array(fc.oneof({ weight: 4, arbitrary: goodLabel }, label), { maxLength: 3 }),
  value: fc.double(),
  type: fc.integer({ min: -1, max: 3 }),
});

test("a sample keeps the rules exactly when the contract's rules find none broken", () => {
  fc.assert(
    fc.property(sample, (init) => {
      const one = create(MetricSampleSchema, init);
      expect(keepsRules(one)).toBe(validator.validate(MetricSampleSchema, one).kind === "valid");
    }),
    { numRuns: 1000 },
  );
});

test("what a report breaks is told as the contract's rules tell it, at the places of its own samples", () => {
  const report = fc.record({
    runnerId: fc.constantFrom("", "no uuid", "019ab3c2-5d11-7c44-9c1e-3f0b7a2e6d10"),
    generation: fc.nat(2),
    samples: fc.array(sample, { maxLength: 10 }),
  });
  fc.assert(
    fc.property(report, (init) => {
      const message = create(ReportRunnerMetricsRequestSchema, init);
      const all = validator.validate(ReportRunnerMetricsRequestSchema, message).violations ?? [];
      const found = brokenByReport(message, validator);
      expect(found.total).toBe(all.length);
      expect(found.first.map(String)).toEqual(all.slice(0, 16).map(String));
    }),
    { numRuns: 300 },
  );
});

test("of many bad samples the first sixteen are judged, and the rest counted", () => {
  const samples = Array.from({ length: 1000 }, (_, index) => ({ name: index % 2 === 0 ? "up" : "no name" }));
  const message = create(ReportRunnerMetricsRequestSchema, { generation: 1, samples });
  const { total, first } = brokenByReport(message, validator);
  expect(total).toBe(500);
  expect(first).toHaveLength(16);
  expect(String(first[15])).toContain("samples[31].name");
});
