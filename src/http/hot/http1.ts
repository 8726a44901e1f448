import type { IncomingMessage, ServerResponse } from "node:http";
import type { Origin } from "../node-http.ts";
import type { Answer } from "./answer.ts";
import { type Admitted, Exchange, type HotOptions } from "./exchange.ts";
import type { RawHeaders } from "./headers.ts";

/** Larger bodies are not worth the copy. */
const joinedBytes = 16_384;

/** A call over HTTP/1.1. */
export class Http1Exchange extends Exchange {
  readonly body: IncomingMessage;
  readonly #res: ServerResponse;

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
    writeHttp1(this.body, this.#res, answer, this.options.rawHeaders);
  }
  protected cut(): void {
    this.#res.destroy();
  }
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
  if (!req.complete) req.resume();
}
