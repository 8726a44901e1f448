import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import {
  type Attributes,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Logger } from "pino";
import type { TracingConfig } from "../config/groups/telemetry.ts";
import { withoutSent } from "../domain/without-sent.ts";
import type { CallSpan, CallTracer, ObservedCall } from "../rpc/call/observed-call.ts";
import { parseTraceparent } from "../rpc/call/observed-call.ts";
import { QuietExporter } from "./quiet-exporter.ts";

// Loaded by servers that trace, and by no others.

/** How long one export may take with all its retries, in milliseconds. A shutdown waits so long at most. */
const exportTimeoutMs = 3_000;

/** By the semantic conventions for RPC servers: what is the server's fault, and not its caller's. */
const serverFaults: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

export interface Tracing extends CallTracer {
  /** Sends what is still to be sent, or gives it up. */
  stop(): Promise<void>;
}

/** Traces every call as a span of kind SERVER, under the client's span if it names one. */
export function startTracing(config: TracingConfig, version: string, log: Logger): Tracing {
  const exporter = new OTLPTraceExporter({
    url: `${config.endpoint}/v1/traces`,
    timeoutMillis: exportTimeoutMs,
  });
  const provider = new TracerProvider({
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": "rollcall", "service.version": version }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(config.percent / 100) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new QuietExporter(exporter, log) })],
  });
  const tracer = provider.getTracer("rollcall", version);
  return {
    start: (call) => startSpan(tracer, call),
    // What could not be sent was in the log when it began to fail.
    stop: () => provider.shutdown().catch(() => {}),
  };
}

function startSpan(tracer: Tracer, call: ObservedCall): CallSpan {
  const { method, protocolName, requestHeader } = call.context;
  const parent = parseTraceparent(requestHeader.get("traceparent"));
  const state = requestHeader.get("tracestate");
  const context =
    parent === null
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, {
          traceId: parent.traceId,
          spanId: parent.spanId,
          traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
          isRemote: true,
          ...(state !== null && { traceState: createTraceState(state) }),
        });
  const name = `${method.parent.typeName}/${method.name}`;
  const attributes: Attributes = {
    "rpc.system.name": protocolName === "connect" ? "connectrpc" : "grpc",
    "rpc.method": name,
  };
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, context);
  const { traceId, spanId } = span.spanContext();
  return { traceId, spanId, end: (error) => endSpan(span, protocolName, error) };
}

function endSpan(span: Span, protocolName: string, error: ConnectError | null): void {
  span.setAttribute("rpc.status_code", statusText(protocolName, error?.code ?? null));
  if (error !== null && serverFaults.has(error.code)) {
    span.setAttribute("error.type", statusText(protocolName, error.code));
    span.setStatus({ code: SpanStatusCode.ERROR, message: withoutSent(error.rawMessage) });
  }
  span.end();
}

/** As each protocol spells its codes; Connect has no word for what went well. */
function statusText(protocolName: string, code: Code | null): string {
  const text = code === null ? "ok" : codeToString(code);
  if (protocolName === "connect") return text;
  return code === Code.Canceled ? "CANCELLED" : text.toUpperCase();
}
