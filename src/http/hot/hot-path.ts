import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { IncomingHttpHeaders as Http2Headers, ServerHttp2Stream } from "node:http2";
import type { Origin } from "../node-http.ts";
import { encodingsOf } from "./encoding.ts";
import type { Admitted, HotOptions } from "./exchange.ts";
import { RawHeaders } from "./headers.ts";
import { Http1Exchange } from "./http1.ts";
import { Http2Exchange } from "./http2.ts";
import type { HotMethod } from "./method.ts";
import { hotProtocols } from "./protocol.ts";

export interface HotPathOptions extends Omit<HotOptions, "rawHeaders"> {
  /** By path without a prefix. */
  readonly methods: ReadonlyMap<string, HotMethod>;
  readonly prefixes: readonly string[];
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
  const heads = [...hotProtocols.values()].flatMap(({ head, gzipHead }) => [head, gzipHead]);
  const common: HotOptions = { ...options, rawHeaders: new RawHeaders(options.answerHeaders, heads) };

  /** Null for what is left to Connect. The path has no query here: with one it is not found. */
  function admit(verb: string | undefined, path: string, headers: IncomingHttpHeaders): Admitted | null {
    if (verb !== "POST") return null;
    const method = methods.get(path);
    const protocol = hotProtocols.get(headers["content-type"] ?? "");
    if (method === undefined || protocol === undefined) return null;
    // Browsers get their CORS headers, and 100-continue its interim answer, the usual way.
    if (headers.origin !== undefined || headers.expect !== undefined) return null;
    const encodings = encodingsOf(protocol, headers);
    const codec = protocol.binary ? method.binary : method.json;
    return encodings === null ? null : { method, protocol, codec, encodings, headers, path };
  }

  return {
    http2(stream, headers, origin, onClose) {
      const admitted = admit(headers[":method"], headers[":path"] ?? "", headers);
      if (admitted === null) return false;
      new Http2Exchange(common, admitted, origin, stream, onClose).serve();
      return true;
    },
    http1(req, res, origin, onClose) {
      const admitted = admit(req.method, req.url ?? "", req.headers);
      // Without trailers, which Node sends for HTTP/1.1 too, there is no gRPC.
      if (admitted === null || admitted.protocol.name === "grpc") return false;
      new Http1Exchange(common, admitted, origin, res, onClose).serve();
      return true;
    },
  };
}
