import { type MessageShape, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type MetricSampleSchema,
  MetricType,
  type RunnerStatusReport,
  RunnerStatusReportSchema,
} from "../../../gen/rollcall/v1/agent_pb.js";
import { reportDigest } from "../../domain/leases/digest.ts";
import type { Renewal } from "../../domain/leases/events.ts";
import type { ReportedPhase } from "../../domain/leases/lease.ts";
import { cleanNotice, cleanText } from "../../domain/leases/text.ts";
import type { MetricSample } from "../../domain/metrics/exposition.ts";
import type { RunnerReportChange } from "../../domain/runners/report.ts";
import { present } from "./present.ts";

/** What a renewal reported, in the domain's words. */
export interface Reported {
  readonly phase: Renewal["phase"];
  readonly digest: number;
  readonly change: RunnerReportChange;
  /** What was changed in it, one line each. */
  readonly notices: readonly string[];
}

/** Takes a report apart; text for people is cleaned of what could deceive them. */
export function reported(report: RunnerStatusReport): Reported {
  const notices: string[] = [];
  const cleaned = (field: string, sent: string | undefined): string | undefined => {
    if (sent === undefined) return undefined;
    const { text, replaced } = cleanText(sent);
    const notice = cleanNotice(field, replaced);
    if (notice !== null) notices.push(notice);
    return text;
  };
  const gateway = report.gatewayInfo;
  const isEmptyGateway =
    gateway !== undefined && gateway.gateway === undefined && gateway.latency === undefined;
  return {
    phase: report.phase as ReportedPhase | undefined,
    digest: reportDigest(toBinary(RunnerStatusReportSchema, report)),
    change: present({
      version: cleaned("version", report.version),
      systemDetails: cleaned("system_details", report.systemDetails),
      region: cleaned("region", report.region),
      message: cleaned("message", report.message),
      logUrl: report.logUrl,
      llmUrl: report.llmUrl,
      supportBundleUrl: report.supportBundleUrl,
      publicKey: report.publicKey,
      capabilities: report.capabilities && [...new Set<number>(report.capabilities.values)],
      additionalInfo: report.additionalInfo?.entries.map(({ key, value }) => ({
        key: cleaned("additional_info", key) ?? "",
        value: cleaned("additional_info", value) ?? "",
      })),
      gatewayInfo: isEmptyGateway ? null : gateway,
    }) as RunnerReportChange,
    notices,
  };
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
