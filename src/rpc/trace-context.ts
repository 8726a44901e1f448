/** Where a call stands in somebody's distributed trace. */
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
