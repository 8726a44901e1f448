import http2, { type ServerHttp2Stream } from "node:http2";
import { Overdue } from "./overdue.ts";

/**
 * Cuts off streams of HTTP/2 that hold a place for too long: whose request has not arrived after `timeoutMs`, and whose
 * client opens no window for what is waiting to be sent, for between one and two such times. A bidirectional stream is
 * cut when its client is idle. The other streams of a connection go on.
 */
export function slowStreams(timeoutMs: number): Overdue<ServerHttp2Stream> {
  /** What was waiting to be sent at the last look, in bytes. */
  const waiting = new WeakMap<ServerHttp2Stream, number>();
  return new Overdue(timeoutMs, (stream) => {
    const stuck = stream.writableLength > 0 && stream.writableLength === waiting.get(stream);
    if (stuck || !stream.readableEnded) stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else waiting.set(stream, stream.writableLength);
  });
}
