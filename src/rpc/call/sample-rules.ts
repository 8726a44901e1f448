import { create } from "@bufbuild/protobuf";
import { type Validator, Violation } from "@bufbuild/protovalidate";
import {
  type MetricLabel,
  type MetricSample,
  MetricType,
  type ReportRunnerMetricsRequest,
  ReportRunnerMetricsRequestSchema,
} from "../../../gen/rollcall/v1/agent_pb.js";
import { Violations } from "./violations.ts";

// The rules of rollcall.v1.MetricSample once more, in plain code: a report may have 20,000 labels, and the library takes 5 µs
// for each of them, in one turn of the event loop. It judges only samples that break a rule, and says which.

const sampleName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const reservedNames: ReadonlySet<string> = new Set(["runner_id", "runner_name", "provider"]);

/** Samples whose broken rules are told. */
const mostJudged = 16;

/** The rules that a report breaks, as the validator would find them in all of it; of many bad samples the first ones tell all of theirs. */
export function brokenByReport(report: ReportRunnerMetricsRequest, validator: Validator): Violations {
  const bad: number[] = [];
  for (const [index, sample] of report.samples.entries()) if (!keepsRules(sample)) bad.push(index);
  const { runnerId, generation } = report;
  const samples = bad.slice(0, mostJudged).map((index) => report.samples[index] as MetricSample);
  const judged = create(ReportRunnerMetricsRequestSchema, { runnerId, generation, samples });
  const result = validator.validate(ReportRunnerMetricsRequestSchema, judged);
  if (result.kind === "error") throw result.error;
  const found = Violations.of((result.violations ?? []).map((violation) => inReport(violation, bad)));
  // Each breaks one rule at least.
  found.total += bad.length - samples.length;
  return found;
}

/** With the sample's place in the report instead of that among the judged ones. */
function inReport({ message, ruleId, field, rule, forKey }: Violation, bad: readonly number[]): Violation {
  const path = field.map((step, at) =>
    at === 1 && step.kind === "list_sub" ? { ...step, index: bad[step.index] ?? step.index } : step,
  );
  return new Violation(message, ruleId, path, rule, forKey);
}

/** Whether a sample breaks no rule. That it has at most 20 labels was found before. */
export function keepsRules({ name, labels, type }: MetricSample): boolean {
  if (name.length > 200 || !sampleName.test(name) || MetricType[type] === undefined) return false;
  if (!labels.every(labelKeepsRules)) return false;
  return labels.length < 2 || new Set(labels.map((label) => label.name)).size === labels.length;
}

function labelKeepsRules({ name, value }: MetricLabel): boolean {
  if (name.length > 100 || !labelName.test(name) || name.startsWith("__") || reservedNames.has(name))
    return false;
  return value.length <= 500 || (value.length <= 1000 && [...value].length <= 500);
}
