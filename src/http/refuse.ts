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

/**
 * Answers a call with an error in the protocol that asked, without reading its body: trailers-only for gRPC and
 * gRPC-Web, an end-of-stream message for Connect streams, JSON with the matching status for everything else.
 */
export function refuseCall(req: NodeServerRequest, res: NodeServerResponse, error: ConnectError): void {
  const contentType = req.headers["content-type"] ?? "";
  if (speaksGrpc(req)) {
    const headers = setTrailerStatus(new Headers({ "content-type": contentType }), error);
    res.writeHead(200, Object.fromEntries(headers));
    res.end();
  } else if (contentTypeStreamRegExp.test(contentType)) {
    res.writeHead(200, { "content-type": contentType });
    const end = endStreamToJson(new Headers(), error, undefined);
    res.end(encodeEnvelope(endStreamFlag, Buffer.from(JSON.stringify(end))));
  } else {
    if (error.code === Code.Unimplemented) res.setHeader(...notAgain);
    answerJson(req, res, codeToHttpStatus(error.code), errorToJson(error, undefined));
  }
}

/** Answers JSON; a HEAD gets the headers alone. Headers that were set on the response before are sent too. */
export function answerJson(
  req: NodeServerRequest,
  res: NodeServerResponse,
  status: number,
  body: unknown,
): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  res.writeHead(status, { "content-type": jsonType, "content-length": bytes.byteLength });
  if (req.method === "HEAD") res.end();
  else res.end(bytes);
}
