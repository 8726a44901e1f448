import http2 from "node:http2";
import type { NodeServerRequest, NodeServerResponse } from "./node-http.ts";

/**
 * Deals with the rest of a request that was answered before it was read, as when it is too large. Over HTTP/1.1
 * the rest is read and dropped, or the client could neither finish sending nor use the connection again; the
 * request's time limit ends that. Over HTTP/2 the stream is reset with NO_ERROR, which tells the client to stop
 * (RFC 9113, section 8.1), or the stream would stay open for as long as the client likes.
 */
export function dropUnreadBody(req: NodeServerRequest, res: NodeServerResponse): void {
  res.once("finish", () => {
    if (req.complete) return;
    if (!("stream" in req)) {
      req.resume();
      return;
    }
    // Trailers are written after "finish", in the same turn.
    const { stream } = req;
    setImmediate(() => {
      if (!stream.closed) stream.close(http2.constants.NGHTTP2_NO_ERROR);
    });
  });
}

/** The body of a request. Unlike the request's own iterator it leaves the request intact when reading stops early. */
export function bodyOf(req: NodeServerRequest): AsyncIterable<Uint8Array> {
  return req.iterator({ destroyOnReturn: false });
}
