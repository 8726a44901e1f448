import { percent, port, text, url } from "../kinds.ts";
import { group } from "../setting.ts";

export interface TracingConfig {
  /** The collector's address, to which `/v1/traces` is added. */
  readonly endpoint: string;
  /** Of the calls whose client does not say whether to trace them, how many are traced: 0 to 100. */
  readonly percent: number;
}

export interface TelemetryConfig {
  /** Where metrics are shown without a token; null is nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | null;
  /** Where traces go; null traces nothing. */
  readonly tracing: TracingConfig | null;
}

export const telemetry = group(
  { title: "Metrics and traces" },
  {
    metricsPort: port("metrics-port", {
      help: "another TCP port, which shows /metrics without a token, 0 for a free one",
      default: null,
      unless: "none",
    }),
    metricsHost: text("metrics-host", {
      value: "ADDRESS",
      help: "address of the metrics port",
      default: "127.0.0.1",
    }),
    otlpEndpoint: url("otlp-endpoint", {
      help: "collector that traces go to, by OTLP over HTTP; else that of OTEL_EXPORTER_OTLP_ENDPOINT",
      example: "http://127.0.0.1:4318",
    }),
    tracePercent: percent("trace-percent", {
      help: "of the calls whose client does not say whether to trace them, how many are traced",
      from: 0,
      to: 100,
      default: 100,
    }),
  },
  ({ metricsPort, metricsHost, otlpEndpoint, tracePercent }): TelemetryConfig => ({
    metrics: metricsPort === null ? null : { host: metricsHost, port: metricsPort },
    tracing: otlpEndpoint === null ? null : { endpoint: otlpEndpoint, percent: tracePercent },
  }),
);
