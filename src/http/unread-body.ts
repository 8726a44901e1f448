import http2, { type ServerHttp2Stream } from "node:http2";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { lingerMs } from "./connections/raw-answer.ts";
import type { NodeServerRequest, NodeServerResponse } from "./node-http.ts";

/** Has what still comes of a request read and dropped, unless it is being read. */
export function dropRest(req: NodeServerRequest): void {
  req.resume();
}

/**
 * An answer of Connect's that leaves no body waiting inside of Node's stream, where each piece takes some hundred bytes: Connect
 * refuses some calls without asking for their body, and a client that takes nothing of the answer keeps its stream open. Where
 * the client sends one message, the call is decided when its answer begins; where it sends a stream, when the answer ends.
 */
export function keepsNoBody(
  { method }: UniversalHandler,
  answer: UniversalServerResponse,
  req: NodeServerRequest,
): UniversalServerResponse {
  const { body } = answer;
  if (body === undefined) {
    dropRest(req);
    return answer;
  }
  const sendsStream = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const pieces = () => {
    const from = body[Symbol.asyncIterator]();
    return {
      next: () =>
        from.next().then((piece) => {
          if (!sendsStream || piece.done === true) dropRest(req);
          return piece;
        }),
      // Connect learns of a failed write so.
      throw: (error: unknown) => from.throw?.(error) ?? Promise.reject(error),
      return: () => from.return?.() ?? Promise.resolve({ done: true as const, value: undefined }),
    };
  };
  return { ...answer, body: { [Symbol.asyncIterator]: pieces } };
}

/**
 * Deals with the rest of a request that was answered before it was read, as when it is too large. It is read and
 * dropped for a while: a client that is still sending often looks at the answer only after that, and takes a
 * reset for a failure of its own. HTTP/1.1 ends this with the request's time limit, HTTP/2 after a moment with
 * NO_ERROR, which tells the client to stop (RFC 9113, section 8.1).
 */
export function dropUnreadBody(req: NodeServerRequest, res: NodeServerResponse): void {
  if ("stream" in req) {
    dropUnreadStream(req.stream, () => req.complete);
    return;
  }
  res.once("finish", () => {
    if (!req.complete) req.resume();
  });
}

/** The same for a stream of HTTP/2 that is answered without its response object. */
export function dropUnreadStream(
  stream: ServerHttp2Stream,
  isRead: () => boolean = () => stream.readableEnded,
): void {
  // The response of HTTP/2 "finishes" when the stream closes, which is what must be brought about here.
  stream.once("finish", () => {
    if (isRead()) return;
    stream.resume();
    const timer = setTimeout(() => stream.close(http2.constants.NGHTTP2_NO_ERROR), lingerMs);
    stream.once("close", () => clearTimeout(timer));
  });
}
