import http2, { type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { dropUnreadStream } from "../unread-body.ts";
import type { Answer } from "./answer.ts";
import type { Call } from "./call.ts";
import type { RawHeaders } from "./raw-headers.ts";

const withTrailers = { waitForTrailers: true } as const;

/** Writes an answer, as far as the client is still there. */
export function writeHttp2(stream: ServerHttp2Stream, answer: Answer, raw: RawHeaders): void {
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
  if (!stream.readableEnded) dropUnreadStream(stream);
  if (body === null) stream.end();
  else stream.end(body);
}

/** Ends the call when its stream closes, however it does. */
export function endWithStream(stream: ServerHttp2Stream, call: Call, onClose: () => void): void {
  stream.on("error", ignore);
  stream.on("close", () => {
    onClose();
    call.end(reasonOf(stream.rstCode));
  });
}

function reasonOf(code: number | undefined): ConnectError | undefined {
  if (code !== http2.constants.NGHTTP2_CANCEL) return undefined;
  return new ConnectError("http/2 stream closed with error code CANCEL (0x8)", Code.Canceled);
}

/** A reset is an error to Node; the call hears of it when the stream closes. */
function ignore(): void {}
