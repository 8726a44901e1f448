import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { type Answer, type AnswerParts, errorAnswer, messageAnswer } from "./answer.ts";
import type { Call, CallParts } from "./call.ts";
import type { Encodings } from "./encoding.ts";
import type { HotMethod } from "./method.ts";
import { requestMessage } from "./request-message.ts";

/** What is the same for every call. */
export interface HotOptions {
  readonly requestGate: ((context: HandlerContext) => Promise<void> | void) | undefined;
  readonly readMaxBytes: number;
  readonly jsonOptions: UniversalHandlerOptions["jsonOptions"];
}

/** A request that the hot path takes. */
export interface HotRequest {
  readonly method: HotMethod;
  readonly parts: CallParts;
  readonly encodings: Encodings;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/**
 * Serves one call: the gate before a byte of the body is read, then the message, the interceptors, the handler. In
 * the order in which Connect does it, so that a request with two faults is refused for the same one.
 */
export async function serveCall(request: HotRequest, call: Call, options: HotOptions): Promise<Answer> {
  const { method, encodings, headers, body } = request;
  const { protocol } = request.parts;
  const parts: AnswerParts = { call, protocol, compression: encodings.response };
  const codec = protocol.binary ? method.binary : method.json;
  try {
    const wrongDeadline = call.takeDeadline();
    await options.requestGate?.(call);
    if (wrongDeadline !== undefined) throw wrongDeadline;
    call.message = await requestMessage({
      protocol,
      headers,
      body,
      compression: encodings.request,
      codec: codec.request,
      maxBytes: options.readMaxBytes,
    });
    const response = await method.invoke(call);
    return await messageAnswer(parts, codec.response.serialize(response));
  } catch (error) {
    const wire =
      error instanceof ConnectError
        ? error
        : new ConnectError("internal error", Code.Internal, undefined, undefined, error);
    return errorAnswer(parts, wire, options.jsonOptions);
  }
}
