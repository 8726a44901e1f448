import { create, type DescMethodUnary, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type MethodImpl, type UnaryResponse } from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { type Awaitable, after } from "../../lib/awaitable.ts";
import type { Interceptor, Next } from "../../rpc/call/interceptor.ts";
import type { BodyRoom } from "../request-body.ts";
import { Call } from "./call.ts";
import { type Codec, type CodecLimits, codecsOf } from "./codec.ts";

/** A method, with everything that is the same for all its calls. */
export interface HotMethod {
  readonly method: DescMethodUnary;
  /** What a request may take. */
  readonly room: BodyRoom;
  /** Whether it takes no token. */
  readonly forStrangers: boolean;
  readonly binary: Codec;
  readonly json: Codec;
  /** Interceptors and handler: gives the call its answer, at once where none of them waits. */
  invoke(call: Call): Awaitable<unknown>;
}

export interface HotMethodOptions {
  readonly interceptors: readonly Interceptor[];
  readonly room: BodyRoom;
  readonly forStrangers: boolean;
  readonly limits: CodecLimits;
  readonly jsonOptions: UniversalHandlerOptions["jsonOptions"];
}

/** Plans a method. */
export function hotMethod<M extends DescMethodUnary>(
  method: M,
  handler: MethodImpl<M>,
  { interceptors, room, forStrangers, limits, jsonOptions }: HotMethodOptions,
): HotMethod {
  return {
    method,
    room,
    forStrangers,
    ...codecsOf(method, limits, jsonOptions),
    invoke: invocation(method, handler as MethodImpl<DescMethodUnary>, interceptors),
  };
}

/** The interceptors around the handler, tied together once: what goes through them is the call itself. */
function invocation(
  method: DescMethodUnary,
  handler: MethodImpl<DescMethodUnary>,
  interceptors: readonly Interceptor[],
): HotMethod["invoke"] {
  const handle: Next = (request) => {
    if (!(request instanceof Call)) throw copied();
    return after(handler(request.message, request), (init) => {
      const answer = create(method.output, init);
      request.encode(answer);
      return new Reply(request, answer);
    });
  };
  let next = handle;
  for (const interceptor of [...interceptors].reverse()) next = interceptor(next);
  return next;
}

/** What the interceptors get back. */
class Reply implements UnaryResponse {
  readonly stream = false;
  readonly message: Message;
  readonly #call: Call;

  constructor(call: Call, message: Message) {
    this.#call = call;
    this.message = message;
  }
  get method(): DescMethodUnary {
    return this.#call.method;
  }
  get service() {
    return this.#call.service;
  }
  get header(): Headers {
    return this.#call.responseHeader;
  }
  get trailer(): Headers {
    return this.#call.responseTrailer;
  }
}

/** A copy by spreading lacks what is made on demand. */
function copied(): ConnectError {
  return new ConnectError("an interceptor passed a copy of its request on", Code.Internal);
}
