import type { Answer } from "./calls.ts";

/** gRPC's UNKNOWN, INTERNAL and DATA_LOSS: none of them is ever meant. */
const faults = new Set(["2", "13", "15"]);

/** What is wrong with an answer; null when nothing is. 501, 503, 504 and 505 (a stream both ways over HTTP/1.1) are said on purpose. */
export function faultOf({ status, grpcStatus, grpcMessage = "", body: content }: Answer): string | null {
  const body = grpcMessage + content;
  // What gRPC itself calls internal: a frame said to be compressed, without a word how.
  if (/received(%20| )compressed(%20| )envelope/.test(body)) return null;
  // Connect calls protobuf that it cannot read an internal error.
  if (/parse(%20| )binary/.test(body)) return null;
  if (status >= 500 && ![501, 503, 504, 505].includes(status))
    return `HTTP status ${status}: ${body.slice(0, 300)}`;
  if (grpcStatus !== undefined && faults.has(grpcStatus)) return `gRPC status ${grpcStatus}`;
  const code = /"code":"(internal|unknown|data_loss)"/.exec(body)?.[1];
  const trailer = /grpc-status: ?(2|13|15)\r/.exec(body)?.[1];
  if (code !== undefined) return `code ${code}: ${body.slice(0, 300)}`;
  return trailer === undefined ? null : `gRPC-Web status ${trailer}: ${body.slice(0, 300)}`;
}

/** The same for what came back on a bare connection. */
export function rawFaultOf(received: string): string | null {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(received)?.[1];
  if (status === undefined) return null;
  return faultOf({ status: Number(status), grpcStatus: undefined, body: received });
}
