import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import http2, { type IncomingHttpHeaders as Http2Headers, type ServerHttp2Stream } from "node:http2";
import type { ContextValues } from "@connectrpc/connect";
import type { Origin } from "../node-http.ts";
import { usableAuthority } from "./authority.ts";
import { Call, type CallParts } from "./call.ts";
import { encodingsOf } from "./encoding.ts";
import { writeHttp1 } from "./http1.ts";
import { endWithStream, writeHttp2 } from "./http2.ts";
import type { HotMethod } from "./method.ts";
import { type HotProtocol, hotProtocols } from "./protocol.ts";
import { RawHeaders } from "./raw-headers.ts";
import { type HotOptions, type HotRequest, serveCall } from "./serve.ts";

export interface HotPathOptions extends HotOptions {
  /** By path without a prefix. */
  readonly methods: ReadonlyMap<string, HotMethod>;
  readonly prefixes: readonly string[];
  readonly contextValues: ((origin: Origin, headers: IncomingHttpHeaders) => ContextValues) | undefined;
  readonly onOver: CallParts["onOver"];
  readonly shutdownSignal: AbortSignal | undefined;
  /** Sent with every answer. */
  readonly answerHeaders: Readonly<Record<string, string>>;
}

/** Takes the calls that it can serve, and leaves all others as they came. */
export interface HotPath {
  /**
   * @param onClose called once when a stream that was taken is over
   * @returns false for a stream that must go another way
   */
  http2(stream: ServerHttp2Stream, headers: Http2Headers, origin: Origin, onClose: () => void): boolean;
  /**
   * @param onClose called once when a request that was taken is over
   * @returns false for a request that must go another way
   */
  http1(req: IncomingMessage, res: ServerResponse, origin: Origin, onClose: () => void): boolean;
}

export function hotPath(options: HotPathOptions): HotPath {
  const methods = new Map<string, HotMethod>();
  for (const prefix of options.prefixes) {
    for (const [path, method] of options.methods) methods.set(prefix + path, method);
  }
  const common = [...hotProtocols.values()].flatMap(({ head, gzipHead }) => [head, gzipHead]);
  const rawHeaders = new RawHeaders(options.answerHeaders, common);

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

  function started(
    admitted: Admitted,
    headers: IncomingHttpHeaders,
    path: string,
    origin: Origin,
  ): HotRequest {
    const parts: CallParts = {
      method: admitted.method.method,
      protocol: admitted.protocol,
      headers,
      scheme: origin.scheme,
      authority: admitted.authority,
      path,
      values: options.contextValues?.(origin, headers),
      onOver: options.onOver,
      shutdownSignal: options.shutdownSignal,
    };
    const { method, protocol, encodings } = admitted;
    return { method, protocol, encodings, headers, path, call: new Call(parts) };
  }

  return {
    http2(stream, headers, origin, onClose) {
      const path = headers[":path"] ?? "";
      const admitted = admit(headers[":method"], path, headers[":authority"] ?? headers.host, headers);
      if (admitted === null) return false;
      const request = started(admitted, headers, path, origin);
      endWithStream(stream, request.call, onClose);
      const cut = () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      serveCall(request, stream, options, (answer) => writeHttp2(stream, answer, rawHeaders), cut);
      return true;
    },
    http1(req, res, origin, onClose) {
      const path = req.url ?? "";
      const admitted = admit(req.method, path, req.headers.host, req.headers);
      // Without trailers, which Node sends for HTTP/1.1 too, there is no gRPC.
      if (admitted === null || admitted.protocol.name === "grpc") return false;
      const request = started(admitted, req.headers, path, origin);
      res.once("close", () => {
        onClose();
        request.call.end();
      });
      const cut = () => res.destroy();
      serveCall(request, req, options, (answer) => writeHttp1(req, res, answer, rawHeaders), cut);
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
