import type { IncomingHttpHeaders } from "node:http";
import type { Compression } from "@connectrpc/connect/protocol";
import { gzip } from "../compression.ts";
import type { HotProtocol } from "./protocol.ts";

/** How the request is compressed and how its answer may be; null is as it is. */
export interface Encodings {
  readonly request: Compression | null;
  readonly response: Compression | null;
}

const plain: Encodings = { request: null, response: null };
const gzipBack: Encodings = { request: null, response: gzip };
const gzipBoth: Encodings = { request: gzip, response: gzip };
const gzipIn: Encodings = { request: gzip, response: null };

/**
 * What Connect would choose, as far as that is nothing or gzip; null for everything else, unknown names among it.
 * Without a list of what the client accepts the answer is compressed as the request was.
 */
export function encodingsOf(protocol: HotProtocol, headers: IncomingHttpHeaders): Encodings | null {
  const sent = headers[protocol.encodingHeader];
  const accepted = headers[protocol.acceptHeader];
  const zipped = sent === "gzip";
  if (sent !== undefined && sent !== "identity" && !zipped) return null;
  if (accepted === undefined || accepted === "") return zipped ? gzipBoth : plain;
  if (typeof accepted !== "string") return null;
  const back = acceptsGzip(accepted);
  if (back === null) return null;
  if (back) return zipped ? gzipBoth : gzipBack;
  return zipped ? gzipIn : plain;
}

/** Whether gzip comes first among what this server has; null when brotli does. */
function acceptsGzip(accepted: string): boolean | null {
  if (accepted === "identity" || accepted === "gzip") return accepted === "gzip";
  for (const entry of accepted.split(",")) {
    const name = entry.trim();
    if (name === "gzip") return true;
    if (name === "br") return null;
  }
  return false;
}
