import { type MessageShape, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { GatewayInfo } from "../../../gen/gitpod/v1/runner_pb.js";
import {
  type MetricSampleSchema,
  MetricType,
  type RunnerStatusReport,
  RunnerStatusReportSchema,
} from "../../../gen/rollcall/v1/agent_pb.js";
import type { Renewal } from "../../domain/leases/events.ts";
import type { ReportedPhase } from "../../domain/leases/lease.ts";
import { cleanNotice, cleanText, reportDigest } from "../../domain/leases/text.ts";
import type { LlmPhaseReport } from "../../domain/llm-integrations/phase.ts";
import type { MetricSample } from "../../domain/metrics/exposition.ts";
import type {
  GatewayReport,
  ReportedConfiguration,
  RunnerReportChange,
} from "../../domain/runners/report.ts";
import { schemaBytes } from "./configuration-schema.ts";
import { present } from "./present.ts";

/** What a renewal reported, in the domain's words. */
export interface Reported {
  readonly phase: Renewal["phase"];
  readonly digest: number;
  readonly change: RunnerReportChange;
  readonly configuration: ReportedConfiguration;
  /** What was changed in it, one line each. */
  readonly notices: readonly string[];
}

/** Takes a report apart; text for people is cleaned of what could deceive them. */
export function reported(report: RunnerStatusReport): Reported {
  const notices: string[] = [];
  const cleaned = (field: string, sent: string): string => {
    const { text, replaced } = cleanText(sent);
    const notice = cleanNotice(field, replaced);
    if (notice !== null) notices.push(notice);
    return text;
  };
  const maybe = (field: string, sent: string | undefined) =>
    sent === undefined ? undefined : cleaned(field, sent);
  const gatewayInfo = report.gatewayInfo && cleanedGateway(report.gatewayInfo, cleaned);
  return {
    phase: report.phase as ReportedPhase | undefined,
    digest: reportDigest(toBinary(RunnerStatusReportSchema, report)),
    change: present({
      version: maybe("version", report.version),
      systemDetails: maybe("system_details", report.systemDetails),
      region: maybe("region", report.region),
      message: maybe("message", report.message),
      logUrl: maybe("log_url", report.logUrl),
      llmUrl: maybe("llm_url", report.llmUrl),
      supportBundleUrl: maybe("support_bundle_url", report.supportBundleUrl),
      publicKey: report.publicKey,
      capabilities: report.capabilities && [...new Set<number>(report.capabilities.values)],
      additionalInfo: report.additionalInfo?.entries.map(({ key, value }) => ({
        key: cleaned("additional_info", key),
        value: cleaned("additional_info", value),
      })),
      gatewayInfo,
    }) as RunnerReportChange,
    configuration: present({
      schema: report.schema && schemaBytes(report.schema, cleaned),
      llmPhases: report.llm.map(({ integrationId, phase, phaseReason }) => ({
        integrationId: integrationId.toLowerCase(),
        phase: phase as LlmPhaseReport["phase"],
        phaseReason: cleaned("llm", phaseReason),
      })),
    }),
    notices,
  };
}

/** Null for an empty message: no gateway any more. */
function cleanedGateway(
  { gateway, latency }: GatewayInfo,
  cleaned: (field: string, sent: string) => string,
): GatewayReport | null {
  if (gateway === undefined && latency === undefined) return null;
  return present({
    latency,
    gateway: gateway && {
      name: cleaned("gateway_info", gateway.name),
      url: cleaned("gateway_info", gateway.url),
      region: cleaned("gateway_info", gateway.region),
    },
  });
}

/** The reason of a sign-off, cleaned like a report. */
export function signOffReason(sent: string): { readonly text: string; readonly notices: readonly string[] } {
  const { text, replaced } = cleanText(sent);
  const notice = cleanNotice("reason", replaced);
  return { text, notices: notice === null ? [] : [notice] };
}

const metricTypes = {
  [MetricType.UNSPECIFIED]: "untyped",
  [MetricType.COUNTER]: "counter",
  [MetricType.GAUGE]: "gauge",
} as const;

export function metricSample(sample: MessageShape<typeof MetricSampleSchema>): MetricSample {
  return {
    name: sample.name,
    labels: sample.labels.map(({ name, value }) => [name, value] as const),
    value: sample.value,
    timeMs: sample.time === undefined ? null : timestampMs(sample.time),
    type: metricTypes[sample.type],
  };
}
