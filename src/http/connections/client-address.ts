import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import type { AddressList } from "../../lib/address-list.ts";

/** `203.0.113.3:50001`, `[2001:db8::1]:443` or `[2001:db8::1]`: some proxies write the port, too. */
const withPort = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/;

/** The address that a proxy wrote down, without port, brackets and quotes; null when it is none. */
function addressIn(written: string): string | null {
  const bare = written.replace(/^"(.*)"$/, "$1");
  if (isIP(bare) !== 0) return bare;
  const [, bracketed, plain] = withPort.exec(bare) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : null;
  return plain !== undefined && isIP(plain) === 4 ? plain : null;
}

/**
 * Where a call comes from. Every client can write into `X-Forwarded-For`, so it counts only as far as trusted proxies
 * wrote it: read from its end, the first address that is none of theirs.
 */
export function clientAddress(
  remoteAddress: string,
  headers: IncomingHttpHeaders,
  proxies: AddressList,
): string {
  let address = remoteAddress;
  if (!proxies.has(address)) return address;
  const forwarded = headers["x-forwarded-for"] ?? "";
  for (const hop of String(forwarded).split(",").reverse()) {
    const named = addressIn(hop.trim());
    if (named === null) return address;
    address = named;
    if (!proxies.has(address)) return address;
  }
  return address;
}
