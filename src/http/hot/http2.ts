import http2, { type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { dropUnreadStream } from "../unread-body.ts";
import type { Answer, AnswerHeaders } from "./answer.ts";
import type { Call } from "./call.ts";

/** Writes an answer, as far as the client is still there. */
export function writeHttp2(stream: ServerHttp2Stream, answer: Answer, always: AnswerHeaders): void {
  if (stream.destroyed || stream.closed) return;
  const { body, trailers } = answer;
  const headers = { ":status": answer.status, ...always, ...answer.headers };
  if (trailers === null) {
    stream.respond(headers);
  } else {
    stream.respond(headers, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  }
  if (!stream.readableEnded) dropUnreadStream(stream);
  if (body === null) stream.end();
  else stream.end(body);
}

/** Ends the call when its stream closes, however it does. */
export function endWithStream(stream: ServerHttp2Stream, call: Call): void {
  stream.on("error", ignore);
  stream.on("close", () => call.end(reasonOf(stream.rstCode)));
}

function reasonOf(code: number | undefined): ConnectError | undefined {
  if (code !== http2.constants.NGHTTP2_CANCEL) return undefined;
  return new ConnectError("http/2 stream closed with error code CANCEL (0x8)", Code.Canceled);
}

/** A reset is an error to Node; the call hears of it when the stream closes. */
function ignore(): void {}
