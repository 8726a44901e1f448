import http2, { type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Origin } from "../node-http.ts";
import { dropUnreadStream } from "../unread-body.ts";
import type { Answer } from "./answer.ts";
import { type Admitted, Exchange, type HotOptions } from "./exchange.ts";
import type { RawHeaders } from "./headers.ts";

const withTrailers = { waitForTrailers: true } as const;

/** A call over HTTP/2. */
export class Http2Exchange extends Exchange {
  readonly body: ServerHttp2Stream;

  /** @param onClose called once when the stream is over, however it is */
  constructor(
    options: HotOptions,
    admitted: Admitted,
    origin: Origin,
    stream: ServerHttp2Stream,
    onClose: () => void,
  ) {
    super(options, admitted, origin);
    this.body = stream;
    stream.on("error", ignore);
    stream.on("close", () => {
      onClose();
      this.call.end(reasonOf(stream.rstCode));
      // Node's stream outlives its call until the next full garbage collection, and what it reaches does so too: without this
      // the whole call.
      stream.removeAllListeners();
      stream.on("error", ignore);
    });
  }

  protected write(answer: Answer): void {
    writeHttp2(this.body, answer, this.options.rawHeaders);
  }
  protected cut(): void {
    this.body.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  }
}

function writeHttp2(stream: ServerHttp2Stream, answer: Answer, raw: RawHeaders): void {
  if (stream.destroyed || stream.closed) return;
  const { body, trailers } = answer;
  const headers = raw.of(answer.headers);
  headers.unshift(":status", String(answer.status));
  if (answer.sized) headers.push("content-length", String(body?.length ?? 0));
  if (trailers === null) {
    stream.respond(headers);
  } else {
    stream.respond(headers, withTrailers);
    stream.on("wantTrailers", () => stream.sendTrailers(trailers as OutgoingHttpHeaders));
  }
  if (!stream.readableEnded) {
    dropUnreadStream(stream);
    // At once, and not when the client has taken the answer: what is left in Node's stream is kept piece by piece.
    stream.resume();
  }
  if (body === null) stream.end();
  else stream.end(body);
}

function reasonOf(code: number | undefined): ConnectError | undefined {
  if (code !== http2.constants.NGHTTP2_CANCEL) return undefined;
  return new ConnectError("http/2 stream closed with error code CANCEL (0x8)", Code.Canceled);
}

/** A reset is an error to Node; the call hears of it when the stream closes. */
function ignore(): void {}
