import type { IncomingHttpHeaders } from "node:http";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { type Answer, type AnswerParts, errorAnswer, messageAnswer } from "./answer.ts";
import type { BodySource } from "./body.ts";
import type { Call } from "./call.ts";
import type { Encodings } from "./encoding.ts";
import type { HotMethod } from "./method.ts";
import type { HotProtocol } from "./protocol.ts";
import { requestMessage } from "./request-message.ts";

/** What is the same for every call. */
export interface HotOptions {
  readonly requestGate: ((context: HandlerContext) => Promise<void> | void) | undefined;
  readonly readMaxBytes: number;
  readonly jsonOptions: UniversalHandlerOptions["jsonOptions"];
  /** Writing an answer failed, and not because the client is gone. */
  readonly onError: (error: unknown, path: string) => void;
}

/** A request that the hot path takes. */
export interface HotRequest {
  readonly method: HotMethod;
  readonly protocol: HotProtocol;
  readonly encodings: Encodings;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly call: Call;
}

/**
 * Serves one call, to the end of writing its answer. Never rejects.
 * @param cut ends the call without an answer, where none can be written: a client must not wait for ever
 */
export async function serveCall(
  request: HotRequest,
  body: BodySource,
  options: HotOptions,
  write: (answer: Answer) => void,
  cut: () => void,
): Promise<void> {
  const { call, path } = request;
  try {
    write(await answerOf(request, body, options));
  } catch (error) {
    options.onError(error, path);
    cut();
  } finally {
    call.end();
  }
}

/**
 * The gate before a byte of the body is read, then the message, the interceptors, the handler: in the order in which
 * Connect does it, so that a request with two faults is refused for the same one.
 */
async function answerOf(request: HotRequest, body: BodySource, options: HotOptions): Promise<Answer> {
  const { method, protocol, encodings, headers, call } = request;
  const parts: AnswerParts = { call, protocol, compression: encodings.response };
  const codec = protocol.binary ? method.binary : method.json;
  try {
    const wrongDeadline = call.takeDeadline();
    // Waiting for what is there already would miss the body's first bytes by a turn of the event loop.
    const gated = options.requestGate?.(call);
    if (gated !== undefined) await gated;
    if (wrongDeadline !== undefined) throw wrongDeadline;
    call.message = await requestMessage({
      protocol,
      headers,
      body,
      compression: encodings.request,
      codec: codec.request,
      maxBytes: options.readMaxBytes,
    });
    const { message } = await method.invoke(call);
    return await messageAnswer(parts, codec.response.serialize(message));
  } catch (error) {
    const wire =
      error instanceof ConnectError
        ? error
        : new ConnectError("internal error", Code.Internal, undefined, undefined, error);
    call.end(wire);
    return errorAnswer(parts, wire, options.jsonOptions);
  }
}
