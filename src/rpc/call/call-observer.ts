import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { DomainError } from "../../domain/errors.ts";
import { withoutSent } from "../../domain/without-sent.ts";
import type { Clock } from "../../lib/clock.ts";
import { callerKey } from "./context.ts";
import { clientGone } from "./errors.ts";
import {
  type CallMeter,
  type CallTracer,
  ObservedCall,
  observedCall,
  requestIdHeader,
  setObservedCall,
} from "./observed-call.ts";
import { cutText } from "./violations.ts";

/** Longest refusal in a log line, in characters. */
const longestRefusal = 2000;

export interface CallObserverOptions {
  readonly log: Logger;
  readonly clock: Pick<Clock, "monotonic">;
  readonly meter: CallMeter;
  /** Null when calls are not traced. */
  readonly tracer: CallTracer | null;
}

/**
 * Counts, logs and traces every call of every protocol once, whichever way it ends: refused by the gate, broken off or
 * unreadable before its request was there, served well or not. One log line a call: quiet for what went well, readable
 * at the default level for what did not.
 */
export class CallObserver {
  readonly #options: CallObserverOptions;

  constructor(options: CallObserverOptions) {
    this.#options = options;
  }

  /** The headers of a call are there: the gate says so before it does anything else. */
  begin(context: HandlerContext): ObservedCall {
    const { clock, tracer } = this.#options;
    const call = new ObservedCall(context, clock.monotonic());
    setObservedCall(context.values, call);
    if (tracer !== null) call.span = tracer.start(call);
    return call;
  }

  /** The request was read, and is on its way to the handler. */
  serve(call: ObservedCall): void {
    const { method } = call.context;
    call.served = true;
    if (method.methodKind !== "unary") call.stream = this.#options.meter.opened(method);
  }

  /**
   * The call has ended; the first time counts.
   * @param error what its caller is told, and with it from now on the call's id; null when it went well
   */
  end(call: ObservedCall, error: ConnectError | null): void {
    if (call.ended) return;
    call.ended = true;
    const { clock, meter, log } = this.#options;
    const { method, protocolName } = call.context;
    const durationMs = clock.monotonic() - call.startedAt;
    meter.ended(method, protocolName, error?.code ?? null, durationMs / 1000);
    call.stream?.closed();
    call.span?.end(error);
    if (error !== null) {
      error.metadata.set(requestIdHeader, call.requestId);
      log[levelOf(call, error)](
        { ...line(call, durationMs, error), refusal: withoutSent(cutText(error.rawMessage, longestRefusal)) },
        "call refused",
      );
    } else if (log.isLevelEnabled("debug")) {
      log.debug(line(call, durationMs, null), "call");
    }
  }

  /**
   * The call is over for HTTP: its answer is decided, or its client has gone. Ends those that no handler serves, and
   * streams, which may be waiting for something to send when their client goes.
   */
  over(context: HandlerContext, reason: unknown): void {
    const call = observedCall(context.values);
    if (call === null || call.ended) return;
    if (call.served && call.stream === null) return;
    this.end(call, reason === undefined ? clientGone() : ConnectError.from(reason));
  }
}

function line(call: ObservedCall, durationMs: number, error: ConnectError | null) {
  const { method, protocolName, values } = call.context;
  return {
    method: `${method.parent.typeName}/${method.name}`,
    code: error === null ? "ok" : codeToString(error.code),
    protocol: protocolName,
    caller: values.get(callerKey)?.id,
    durationMs: Math.round(durationMs * 1000) / 1000,
    ...call.fields,
  };
}

/** Who is refused for calling too often, or for load. */
const floodReasons: ReadonlySet<string | undefined> = new Set(["RATE_LIMITED", "OVERLOADED"]);

/** Floods must not fill the log as well, and streams end by their clients' leaving. */
function levelOf(call: ObservedCall, error: ConnectError): "debug" | "info" {
  const { cause } = error;
  if (call.isFlood) return "debug";
  if (cause instanceof DomainError && floodReasons.has(cause.reason)) return "debug";
  return call.stream !== null && error.code === Code.Canceled ? "debug" : "info";
}
