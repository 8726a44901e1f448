import type { IncomingHttpHeaders } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { type Awaitable, after, isPromise } from "../../domain/awaitable.ts";
import { type Answer, type AnswerParts, errorAnswer, messageAnswer } from "./answer.ts";
import type { BodySource } from "./body.ts";
import type { Call } from "./call.ts";
import type { Encodings } from "./encoding.ts";
import type { HotMethod } from "./method.ts";
import type { HotProtocol } from "./protocol.ts";
import { readMessage } from "./request-message.ts";

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
 * Serves one call, to the end of writing its answer: the gate before a byte of the body is read, then the message, the
 * interceptors, the handler, in the order in which Connect does it, so that a request with two faults is refused for
 * the same one. Nothing is awaited that is there already: most calls are answered in the turn that ends their request.
 * Never throws.
 * @param cut ends the call without an answer, where none can be written: a client must not wait for ever
 */
export function serveCall(
  request: HotRequest,
  body: BodySource,
  options: HotOptions,
  write: (answer: Answer) => void,
  cut: () => void,
): void {
  const { call, protocol, encodings, method, headers, path } = request;
  const codec = protocol.binary ? method.binary : method.json;
  const parts: AnswerParts = { call, protocol, compression: encodings.response };

  const broken = (error: unknown) => {
    options.onError(error, path);
    cut();
    call.end();
  };
  const answer = (made: Answer) => {
    try {
      write(made);
      call.end();
    } catch (error) {
      broken(error);
    }
  };
  const failed = (error: unknown) => {
    const wire =
      error instanceof ConnectError
        ? error
        : new ConnectError("internal error", Code.Internal, undefined, undefined, error);
    call.end(wire);
    errorAnswer(parts, wire, options.jsonOptions).then(answer, broken);
  };
  const invoke = (message: Message) => {
    call.message = message;
    return after(method.invoke(call), (reply) =>
      messageAnswer(parts, codec.response.serialize(reply.message)),
    );
  };
  const received = (message: Awaitable<Message>) => {
    const made = after(message, invoke);
    if (isPromise(made)) made.then(answer, failed);
    else answer(made);
  };
  const readOn = (wrongDeadline: ConnectError | undefined) => {
    if (wrongDeadline !== undefined) throw wrongDeadline;
    const { readMaxBytes: maxBytes } = options;
    const source = {
      protocol,
      headers,
      body,
      compression: encodings.request,
      codec: codec.request,
      maxBytes,
    };
    readMessage(source, received, failed);
  };

  try {
    const wrongDeadline = call.takeDeadline();
    // Waiting for what is there already would miss the body's first bytes by a turn of the event loop.
    const gated = options.requestGate?.(call);
    if (gated === undefined) readOn(wrongDeadline);
    else gated.then(() => readOn(wrongDeadline)).catch(failed);
  } catch (error) {
    failed(error);
  }
}
