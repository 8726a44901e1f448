import type { IncomingMessage, ServerResponse } from "node:http";
import type { Origin } from "../node-http.ts";
import type { Answer } from "./answer.ts";
import { type Admitted, Exchange, type HotOptions } from "./exchange.ts";
import type { RawHeaders } from "./raw-headers.ts";

/** Larger bodies are not worth the copy. */
const joinedBytes = 16_384;

/** A call over HTTP/1.1. */
export class Http1Exchange extends Exchange {
  readonly body: IncomingMessage;
  readonly #res: ServerResponse;
  #answer: Answer | null = null;

  /** @param onClose called once when the request is over */
  constructor(
    options: HotOptions,
    admitted: Admitted,
    origin: Origin,
    res: ServerResponse,
    onClose: () => void,
  ) {
    super(options, admitted, origin);
    this.body = res.req;
    this.#res = res;
    res.on("close", () => {
      onClose();
      this.call.end();
    });
  }

  protected write(answer: Answer): void {
    this.#answer = answer;
    if (answered.length === 0) setImmediate(writeAnswered);
    answered.push(this);
  }
  /** Writes the answer that there is. Never throws. */
  writeNow(): void {
    if (this.#answer === null) return;
    try {
      writeHttp1(this.body, this.#res, this.#answer, this.options.rawHeaders);
    } catch (error) {
      this.broken(error);
    }
  }
  protected cut(): void {
    this.#res.destroy();
  }
}

/**
 * What was answered in this turn of the event loop, to be written at its end. A write wakes a client that sleeps; of those
 * that follow at once, each finds it awake. Written one by one between the requests, most of them had to wake it again.
 */
let answered: Http1Exchange[] = [];

function writeAnswered(): void {
  const now = answered;
  answered = [];
  for (const exchange of now) exchange.writeNow();
}

function writeHttp1(req: IncomingMessage, res: ServerResponse, answer: Answer, raw: RawHeaders): void {
  if (res.destroyed || res.writableEnded) return;
  const headers = raw.of(answer.headers);
  if (answer.sized) headers.push("content-length", String(answer.body?.length ?? 0));
  res.writeHead(answer.status, headers);
  if (answer.body !== null && answer.body.length <= joinedBytes) {
    // As text that stands for the same bytes it leaves in one piece with the head, which costs half of what two do.
    res.end(
      Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.length).toString("latin1"),
      "latin1",
    );
  } else res.end(answer.body);
  // What the client still sends is read and dropped, or it would not look at the answer.
  if (!req.complete) res.once("finish", () => req.resume());
}
