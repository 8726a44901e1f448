import type { IncomingHttpHeaders } from "node:http";
import type { DescMethodUnary, DescService, Message } from "@bufbuild/protobuf";
import type { ConnectError, ContextValues, HandlerContext, UnaryRequest } from "@connectrpc/connect";
import { createDeadlineSignal, createLinkedAbortController } from "@connectrpc/connect/protocol";
import { grpcStatusOk, headerGrpcStatus } from "@connectrpc/connect/protocol-grpc";
import { longestTimerMs } from "../../lib/clock.ts";
import { unencodable } from "../../rpc/call/errors.ts";
import { CallValues } from "../call-values.ts";
import { anyHost } from "../request-forms.ts";
import type { Codec } from "./codec.ts";
import { LazyHeaders } from "./headers.ts";
import type { HotProtocol } from "./protocol.ts";

/** What a call is made of. */
export interface CallParts {
  readonly admitted: {
    readonly method: { readonly method: DescMethodUnary };
    readonly protocol: HotProtocol;
    readonly codec: Pick<Codec, "response">;
    readonly headers: IncomingHttpHeaders;
    readonly path: string;
  };
  readonly origin: { readonly scheme: string };
  readonly options: {
    /** Told once, when the call is over. */
    readonly onOver: ((context: HandlerContext, reason: unknown) => void) | undefined;
    readonly shutdownSignal: AbortSignal | undefined;
  };
}

/**
 * One call, as gate, interceptors and handler see it: their context and their request in one object. What most calls
 * never ask for is made when it is asked for: the abort signal with its timer, the headers of the answer, the URL.
 */
export class Call implements HandlerContext, UnaryRequest {
  readonly stream = false;
  readonly requestMethod = "POST";
  readonly method: DescMethodUnary;
  readonly service: DescService;
  readonly values: ContextValues;
  readonly requestHeader: Headers;
  /** The request; set before the interceptors run. */
  message: Message = nothing;
  /** The answer as it goes out; set when the handler has made it. */
  answer: Uint8Array = noBytes;
  readonly #parts: CallParts;
  #deadlineAt: number | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #abort: AbortController | undefined;
  #stopTimer: (() => void) | undefined;
  #over: { readonly reason: unknown } | undefined;

  constructor(parts: CallParts, values: ContextValues = new CallValues()) {
    const { method, headers } = parts.admitted;
    this.#parts = parts;
    this.method = method.method;
    this.service = method.method.parent;
    this.values = values;
    this.requestHeader = new LazyHeaders(headers);
  }

  get protocolName(): string {
    return this.#parts.admitted.protocol.name;
  }
  get url(): string {
    const { admitted, origin } = this.#parts;
    return `${origin.scheme}://${anyHost}${admitted.path}`;
  }
  get header(): Headers {
    return this.requestHeader;
  }
  get contextValues(): ContextValues {
    return this.values;
  }
  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers({ "content-type": this.#parts.admitted.protocol.answerType });
    return this.#responseHeader;
  }
  get responseTrailer(): Headers {
    const isConnect = this.protocolName === "connect";
    this.#responseTrailer ??= new Headers(isConnect ? {} : { [headerGrpcStatus]: grpcStatusOk });
    return this.#responseTrailer;
  }
  /** Headers that a handler or interceptor asked for, and so may have changed; undefined when none did. */
  get touchedHeader(): Headers | undefined {
    return this.#responseHeader;
  }
  get touchedTrailer(): Headers | undefined {
    return this.#responseTrailer;
  }

  /** Encodes the answer. @throws Error when that cannot be done, which the interceptors hear like every other failure */
  encode(answer: Message): void {
    try {
      this.answer = this.#parts.admitted.codec.response.serialize(answer);
    } catch (error) {
      throw unencodable(error, answer.$typeName);
    }
  }

  /** Reads the deadline that the client set. @returns what is wrong with it */
  takeDeadline(): ConnectError | undefined {
    const { protocol, headers } = this.#parts.admitted;
    const sent = headers[protocol.timeoutHeader];
    if (sent === undefined) return undefined;
    const { timeoutMs, error } = protocol.parseTimeout(String(sent), Number.MAX_SAFE_INTEGER);
    if (timeoutMs !== undefined) this.#deadlineAt = Date.now() + Math.min(timeoutMs, longestTimerMs);
    return error;
  }
  timeoutMs(): number | undefined {
    return this.#deadlineAt === undefined ? undefined : this.#deadlineAt - Date.now();
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const deadline = createDeadlineSignal(this.timeoutMs());
      this.#stopTimer = deadline.cleanup;
      this.#abort = createLinkedAbortController(deadline.signal, this.#parts.options.shutdownSignal);
      if (this.#over !== undefined) this.end(this.#over.reason);
    }
    return this.#abort.signal;
  }

  /** The call is over: by its answer, by this error, or because the client is gone. The first time counts. */
  end(reason?: unknown): void {
    if (this.#over === undefined) {
      this.#over = { reason };
      this.#parts.options.onOver?.(this, reason);
    }
    this.#stopTimer?.();
    this.#abort?.abort(this.#over.reason);
  }
}

const nothing: Message = { $typeName: "" };
const noBytes = new Uint8Array();
