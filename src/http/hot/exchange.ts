import type { IncomingHttpHeaders } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { type Awaitable, after, isPromise } from "../../lib/awaitable.ts";
import type { Origin } from "../node-http.ts";
import type { BodySource } from "../request-body.ts";
import { type Answer, errorAnswer, messageAnswer } from "./answer.ts";
import { Call, type CallParts } from "./call.ts";
import type { Codec } from "./codec.ts";
import type { Encodings } from "./encoding.ts";
import type { RawHeaders } from "./headers.ts";
import type { HotMethod } from "./method.ts";
import type { HotProtocol } from "./protocol.ts";
import { type Asked, readMessage } from "./request-message.ts";

/** What is the same for every call. */
export interface HotOptions {
  readonly requestGate: ((context: HandlerContext) => Promise<void> | void) | undefined;
  readonly contextValues: ((origin: Origin, headers: IncomingHttpHeaders) => ContextValues) | undefined;
  readonly onOver: ((context: HandlerContext, reason: unknown) => void) | undefined;
  readonly shutdownSignal: AbortSignal | undefined;
  readonly jsonOptions: UniversalHandlerOptions["jsonOptions"];
  readonly rawHeaders: RawHeaders;
  /** Writing an answer failed, and not because the client is gone. */
  readonly onError: (error: unknown, path: string) => void;
}

/** A request that the hot path takes. */
export interface Admitted {
  readonly method: HotMethod;
  readonly protocol: HotProtocol;
  /** The method's, as the protocol wants it. */
  readonly codec: Codec;
  readonly encodings: Encodings;
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
}

/**
 * One call from its headers to the end of writing its answer: the gate before a byte of the body is read, then the
 * message, the interceptors, the handler, in the order in which Connect does it, so that a request with two faults is
 * refused for the same one. Nothing is awaited that is there already: most calls are answered in the turn that ends
 * their request. One object, without a closure for each step: there are as many of these as there are calls.
 */
export abstract class Exchange implements CallParts, Asked, Answering {
  readonly call: Call;
  readonly options: HotOptions;
  readonly origin: Origin;
  readonly admitted: Admitted;
  abstract readonly body: BodySource;
  #wrongDeadline: ConnectError | undefined;
  #due: Answer | null = null;

  constructor(options: HotOptions, admitted: Admitted, origin: Origin) {
    this.options = options;
    this.admitted = admitted;
    this.origin = origin;
    this.call = new Call(this, options.contextValues?.(origin, admitted.headers));
  }

  /** Writes an answer, as far as the client is still there. */
  protected abstract write(answer: Answer): void;
  /** Ends the call without an answer, where none can be written: a client must not wait for ever. */
  protected abstract cut(): void;

  /** Serves the call. Never throws. */
  serve(): void {
    try {
      this.#wrongDeadline = this.call.takeDeadline();
      // Waiting for what is there already would miss the body's first bytes by a turn of the event loop.
      const gated = this.options.requestGate?.(this.call);
      if (gated === undefined) this.#readOn();
      else gated.then(() => this.#readOn()).catch((error) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
  }

  #readOn(): void {
    if (!this.admitted.method.forStrangers) this.origin.showedToken();
    if (this.#wrongDeadline !== undefined) throw this.#wrongDeadline;
    readMessage(this);
  }

  received(message: Awaitable<Message>): void {
    const made = after(message, (there) => this.#invoke(there));
    if (isPromise(made)) {
      made.then(
        (answer) => this.#answer(answer),
        (error) => this.failed(error),
      );
    } else this.#answer(made);
  }

  #invoke(message: Message): Awaitable<Answer> {
    this.call.message = message;
    return after(this.admitted.method.invoke(this.call), () => messageAnswer(this, this.call.answer));
  }

  #answer(answer: Answer): void {
    this.#due = answer;
    atTurnEnd(this);
  }

  writeDue(): void {
    try {
      if (this.#due !== null) this.write(this.#due);
    } catch (error) {
      this.#broken(error);
      return;
    }
    this.#end();
  }

  failed(error: unknown): void {
    const wire =
      error instanceof ConnectError
        ? error
        : new ConnectError("internal error", Code.Internal, undefined, undefined, error);
    this.#end(wire);
    errorAnswer(this, wire, this.options.jsonOptions).then(
      (answer) => this.#answer(answer),
      (trouble) => this.#broken(trouble),
    );
  }

  #broken(error: unknown): void {
    this.options.onError(error, this.admitted.path);
    this.cut();
    this.#end();
  }

  /** A listener that is told of the end must not be able to keep the client from its answer. */
  #end(reason?: ConnectError): void {
    try {
      this.call.end(reason);
    } catch (error) {
      this.options.onError(error, this.admitted.path);
    }
  }
}

/** What has an answer to write. */
export interface Answering {
  /** Never throws. */
  writeDue(): void;
}

let answering: Answering[] = [];

/**
 * Has an answer written at the end of this turn of the event loop, together with the others of the turn. A write wakes a
 * client that sleeps, and of those that follow at once each finds it awake. Written between one request and the next, most
 * had to wake it again: a fifth of the CPU of a busy server and more.
 */
export function atTurnEnd(one: Answering): void {
  if (answering.length === 0) setImmediate(writeAll);
  answering.push(one);
}

function writeAll(): void {
  const all = answering;
  answering = [];
  for (const one of all) one.writeDue();
}
