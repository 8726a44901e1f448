import { Code, type ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  contentTypeStreamRegExp,
  endStreamFlag,
  endStreamToJson,
  errorToJson,
} from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { encodeGrpcMessage } from "./grpc-message.ts";
import type { NodeServerRequest, NodeServerResponse } from "./node-http.ts";

const jsonType = "application/json";
/** For what will be missing the next time too: official SDKs send a call again after every 5xx that does not say so. */
export const notAgain = ["x-should-retry", "false"] as const;
/** gRPC and gRPC-Web, binary and text, with any codec. */
const grpcRegExp = /^application\/grpc(-web(-text)?)?(\+[a-z]+)?\s*(;|$)/i;

/** Is this a call of gRPC or gRPC-Web, by its content type? */
export function speaksGrpc(req: NodeServerRequest): boolean {
  return grpcRegExp.test(req.headers["content-type"] ?? "");
}

/** Is a body of this content type made of frames: one of gRPC, gRPC-Web, or a stream of Connect? */
export function isFramedType(type = ""): boolean {
  return grpcRegExp.test(type) || contentTypeStreamRegExp.test(type);
}

/**
 * Answers a call with an error in the protocol that asked, without reading its body: trailers-only for gRPC and
 * gRPC-Web, an end-of-stream message for Connect streams, JSON with a status for everything else.
 *
 * @param status HTTP status of the JSON. Default: the one that Connect gives the error's code.
 */
export function refuseCall(
  req: NodeServerRequest,
  res: NodeServerResponse,
  error: ConnectError,
  status = codeToHttpStatus(error.code),
): void {
  const contentType = req.headers["content-type"] ?? "";
  if (speaksGrpc(req)) {
    const headers = setTrailerStatus(new Headers({ "content-type": contentType }), error);
    headers.set("grpc-message", encodeGrpcMessage(error.rawMessage));
    answerHeadersOnly(res, Object.fromEntries(headers));
  } else if (contentTypeStreamRegExp.test(contentType)) {
    res.writeHead(200, { "content-type": contentType });
    const end = endStreamToJson(new Headers(), error, undefined);
    res.end(encodeEnvelope(endStreamFlag, Buffer.from(JSON.stringify(end))));
  } else {
    if (error.code === Code.Unimplemented) res.setHeader(...notAgain);
    answerJson(req, res, status, errorToJson(error, undefined));
  }
}

/**
 * Answers status 200 without a body. On HTTP/2 the headers themselves end the stream: Node's response object would send an
 * empty DATA frame behind them, and clients of gRPC take a status in headers that do not end the stream for malformed.
 */
function answerHeadersOnly(res: NodeServerResponse, headers: Readonly<Record<string, string>>): void {
  if ("stream" in res) {
    if (res.stream.destroyed || res.stream.closed || res.headersSent) return;
    res.stream.respond({ ":status": 200, ...res.getHeaders(), ...headers }, { endStream: true });
  } else {
    res.writeHead(200, headers);
    res.end();
  }
}

/** Answers JSON; a HEAD gets the headers alone. Headers that were set on the response before are sent too. */
export function answerJson(
  req: NodeServerRequest,
  res: NodeServerResponse,
  status: number,
  body: unknown,
): void {
  answer(req, res, status, jsonType, JSON.stringify(body));
}

/**
 * Answers a line of text, where JSON would say too much: of a request that is no call of any protocol, every
 * client makes its own error by the status, and Connect's would take JSON for an error of the procedure.
 */
export function answerText(
  req: NodeServerRequest,
  res: NodeServerResponse,
  status: number,
  line: string,
): void {
  answer(req, res, status, "text/plain; charset=utf-8", line);
}

function answer(
  req: NodeServerRequest,
  res: NodeServerResponse,
  status: number,
  type: string,
  line: string,
): void {
  const bytes = Buffer.from(`${line}\n`);
  res.writeHead(status, { ...pageHeaders, "content-type": type, "content-length": bytes.byteLength });
  if (req.method === "HEAD") res.end();
  else res.end(bytes);
}

/**
 * Of every answer but those of gRPC and gRPC-Web, which no browser shows or keeps: answers hold tokens and the state of
 * the moment, so no cache may keep them, nor take their bytes for another type than they say. Two that Node gives before it
 * asks us, to HTTP/1.1 without a Host and to an Expect that it does not know, go without: they are empty.
 */
export const securityHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** Beside those, for what a browser can open by its address: it runs nothing, loads nothing and fits into no frame. */
export const pageHeaders = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
} as const;

/** Has an answer that is still to be made carry {@link securityHeaders}, unless it says otherwise itself. */
export function setSecurityHeaders(res: NodeServerResponse): void {
  for (const [name, value] of Object.entries(securityHeaders)) res.setHeader(name, value);
}
