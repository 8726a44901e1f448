import { randomUUID } from "node:crypto";
import type { DescMethod } from "@bufbuild/protobuf";
import {
  type Code,
  type ConnectError,
  type ContextValues,
  createContextKey,
  type HandlerContext,
} from "@connectrpc/connect";

/** Request: the client's own name for a call. Answer: what the log calls it, with every error. */
export const requestIdHeader = "x-request-id";

/** Names that clients and proxies give; anything else is not theirs to put into our log. */
const usableId = /^[\w.:/+=@-]{1,128}$/;

/** Where calls are counted. It is called for each of them, so it must be quick. */
export interface CallMeter {
  /**
   * A call has ended.
   * @param protocol `grpc`, `grpc-web` or `connect`
   * @param code null when it went well
   */
  ended(method: DescMethod, protocol: string, code: Code | null, seconds: number): void;
  /** A stream has opened. */
  opened(method: DescMethod): StreamMeter;
  /** Something went wrong that is the server's own fault. */
  internalError(): void;
}

export interface StreamMeter {
  /** A message goes to the client. */
  sent(): void;
  closed(): void;
}

/** Where calls are traced, on servers that do. */
export interface CallTracer {
  start(call: ObservedCall): CallSpan;
}

export interface CallSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** @param error null when the call went well */
  end(error: ConnectError | null): void;
}

/** What log lines say of the call that they belong to. */
export interface CallFields {
  readonly requestId: string;
  /** The trace and the span that the line belongs to: our own span, or without tracing the client's. */
  readonly traceId?: string;
  readonly spanId?: string;
}

/** One call, from its headers to its end. What few calls need is made when it is asked for. */
export class ObservedCall {
  readonly context: HandlerContext;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Its request was read and is being served: what serves it tells how it ends. */
  served = false;
  ended = false;
  /** It comes too often, and is answered all the same. */
  isFlood = false;
  span: CallSpan | null = null;
  /** Set for a stream that is being served. */
  stream: StreamMeter | null = null;
  #requestId: string | undefined;

  constructor(context: HandlerContext, startedAt: number) {
    this.context = context;
    this.startedAt = startedAt;
  }

  /** The client's own id, when it is one, or a new one. */
  get requestId(): string {
    if (this.#requestId === undefined) {
      const sent = this.context.requestHeader.get(requestIdHeader);
      this.#requestId = sent !== null && usableId.test(sent) ? sent : randomUUID();
    }
    return this.#requestId;
  }

  get fields(): CallFields {
    const trace = this.span ?? parseTraceparent(this.context.requestHeader.get("traceparent"));
    const { requestId } = this;
    return trace === null ? { requestId } : { requestId, traceId: trace.traceId, spanId: trace.spanId };
  }
}

const observedCallKey = createContextKey<ObservedCall | null>(null, {
  description: "the call as log, metrics and traces see it",
});

export function observedCall(values: ContextValues): ObservedCall | null {
  return values.get(observedCallKey);
}

export function setObservedCall(values: ContextValues, call: ObservedCall): void {
  values.set(observedCallKey, call);
}

/** For a log line of a call; nothing for a call that is not observed. */
export function callFields(values: ContextValues): Partial<CallFields> {
  return observedCall(values)?.fields ?? {};
}

/** Where a call stands in the client's distributed trace. */
export interface TraceContext {
  /** 32 digits of lower-case hexadecimal, not all zero. */
  readonly traceId: string;
  /** The client's span: 16 digits, likewise. */
  readonly spanId: string;
  /** Whether the client records the trace. */
  readonly sampled: boolean;
}

/** A `traceparent` of version 00 has these four fields; later versions may add more behind them. */
const traceparent = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const zeros = /^0+$/;

/**
 * Reads a `traceparent` header (W3C Trace Context, section 3.2). Null when there is none, and for one that is
 * malformed: the specification has it ignored, and a call must not fail for how it is traced.
 */
export function parseTraceparent(header: string | null): TraceContext | null {
  if (header === null) return null;
  const [, version, traceId = "", spanId = "", flags = "", more] = traceparent.exec(header) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return null;
  if (zeros.test(traceId) || zeros.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
