import type { LlmPhaseReport } from "../llm-integrations/phase.ts";

/** One of `gitpod.v1.FieldValue`. */
export interface InfoEntry {
  key: string;
  value: string;
}

/** Which gateway a runner uses and how far it is. */
export interface GatewayReport {
  gateway?: { name: string; url: string; region: string };
  /** Split as `google.protobuf.Duration`. */
  latency?: { seconds: bigint; nanos: number };
}

/** What a runner last said about itself, beside its phase; all empty until it does. */
export interface RunnerReport {
  version: string;
  systemDetails: string;
  region: string;
  message: string;
  logUrl: string;
  llmUrl: string;
  supportBundleUrl: string;
  additionalInfo: InfoEntry[];
  /** Numbers of `gitpod.v1.RunnerCapability`, unknown ones included. */
  capabilities: number[];
  gatewayInfo?: GatewayReport;
  /** X25519, 32 bytes; empty until the runner has sent one. */
  publicKey: Uint8Array;
}

/** What of a report is new: an absent key is unchanged. `gatewayInfo` null takes it away. */
export type RunnerReportChange = Partial<Omit<RunnerReport, "gatewayInfo">> & {
  readonly gatewayInfo?: GatewayReport | null;
};

/** What a report says beside what is kept of the runner itself; an absent key is unchanged. */
export interface ReportedConfiguration {
  /** The bytes of `gitpod.v1.RunnerConfigurationSchema`. */
  readonly schema?: Uint8Array;
  readonly llmPhases?: readonly LlmPhaseReport[];
}

export const emptyReport: RunnerReport = {
  version: "",
  systemDetails: "",
  region: "",
  message: "",
  logUrl: "",
  llmUrl: "",
  supportBundleUrl: "",
  additionalInfo: [],
  capabilities: [],
  publicKey: new Uint8Array(),
};

/** The report after a change. Pure, so that a store can run it inside its transaction. */
export function applyReportChange(report: RunnerReport, change: RunnerReportChange): RunnerReport {
  const { gatewayInfo, ...plain } = change;
  const { gatewayInfo: stored, ...rest } = report;
  const kept = gatewayInfo === undefined ? stored : (gatewayInfo ?? undefined);
  return { ...rest, ...plain, ...(kept && { gatewayInfo: kept }) };
}
