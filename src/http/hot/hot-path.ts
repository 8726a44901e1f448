import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders as Http2Headers, ServerHttp2Stream } from "node:http2";
import type { ContextValues } from "@connectrpc/connect";
import { usableAuthority } from "./authority.ts";
import { Call, type CallParts } from "./call.ts";
import { encodingsOf } from "./encoding.ts";
import { writeHttp1 } from "./http1.ts";
import { endWithStream, writeHttp2 } from "./http2.ts";
import type { HotMethod } from "./method.ts";
import { type HotProtocol, hotProtocols } from "./protocol.ts";
import { type HotOptions, type HotRequest, serveCall } from "./serve.ts";

export interface HotPathOptions extends HotOptions {
  /** By path without a prefix. */
  readonly methods: ReadonlyMap<string, HotMethod>;
  readonly prefixes: readonly string[];
  readonly contextValues:
    | ((remoteAddress: string, headers: IncomingHttpHeaders) => ContextValues)
    | undefined;
  readonly shutdownSignal: AbortSignal | undefined;
  /** Sent with every answer. */
  readonly answerHeaders: Readonly<Record<string, string>>;
  /** Writing an answer failed, and not because the client is gone. */
  readonly onError: (error: unknown, path: string) => void;
}

/** Where a request came in. */
export interface Origin {
  readonly scheme: "http" | "https";
  readonly remoteAddress: string;
}

/** Takes the calls that it can serve, and leaves all others as they came. */
export interface HotPath {
  /** @returns false for a stream that must go another way. */
  http2(stream: ServerHttp2Stream, headers: Http2Headers, origin: Origin): boolean;
  /** @returns false for a request that must go another way. */
  http1(req: IncomingMessage, res: ServerResponse, origin: Origin): boolean;
}

export function hotPath(options: HotPathOptions): HotPath {
  const methods = new Map<string, HotMethod>();
  for (const prefix of options.prefixes) {
    for (const [path, method] of options.methods) methods.set(prefix + path, method);
  }

  /** Null for what is left to Connect. The path has no query here: with one it is not found. */
  function admit(
    verb: string | undefined,
    path: string,
    authority: string | undefined,
    headers: IncomingHttpHeaders,
  ) {
    if (verb !== "POST") return null;
    const method = methods.get(path);
    const protocol = hotProtocols.get(headers["content-type"] ?? "");
    if (method === undefined || protocol === undefined || !usableAuthority(authority)) return null;
    // Browsers get their CORS headers, and 100-continue its interim answer, the usual way.
    if (headers.origin !== undefined || headers.expect !== undefined) return null;
    const encodings = encodingsOf(protocol, headers);
    return encodings === null ? null : { method, protocol, encodings, authority };
  }

  function started(admitted: Admitted, headers: IncomingHttpHeaders, path: string, origin: Origin): Started {
    const parts: CallParts = {
      method: admitted.method.method,
      protocol: admitted.protocol,
      headers,
      scheme: origin.scheme,
      authority: admitted.authority,
      path,
      values: options.contextValues?.(origin.remoteAddress, headers),
      shutdownSignal: options.shutdownSignal,
    };
    return { method: admitted.method, parts, encodings: admitted.encodings, headers, call: new Call(parts) };
  }

  return {
    http2(stream, headers, origin) {
      const path = headers[":path"] ?? "";
      const admitted = admit(headers[":method"], path, headers[":authority"] ?? headers.host, headers);
      if (admitted === null) return false;
      const { call, ...request } = started(admitted, headers, path, origin);
      endWithStream(stream, call);
      serveCall({ ...request, body: stream }, call, options)
        .then((answer) => writeHttp2(stream, answer, options.answerHeaders))
        .catch((error) => options.onError(error, path))
        .finally(() => call.end());
      return true;
    },
    http1(req, res, origin) {
      const path = req.url ?? "";
      const admitted = admit(req.method, path, req.headers.host, req.headers);
      // Without trailers, which Node sends for HTTP/1.1 too, there is no gRPC.
      if (admitted === null || admitted.protocol.name === "grpc") return false;
      const { call, ...request } = started(admitted, req.headers, path, origin);
      res.once("close", () => call.end());
      serveCall({ ...request, body: req }, call, options)
        .then((answer) => writeHttp1(req, res, answer, options.answerHeaders))
        .catch((error) => options.onError(error, path))
        .finally(() => call.end());
      return true;
    },
  };
}

interface Admitted {
  readonly method: HotMethod;
  readonly protocol: HotProtocol;
  readonly encodings: HotRequest["encodings"];
  readonly authority: string;
}
type Started = Omit<HotRequest, "body"> & { readonly call: Call };
