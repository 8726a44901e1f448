import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP } from "node:net";

/** Proxies that stand in front of this server, by address or network. */
export interface TrustedProxies {
  has(address: string): boolean;
}

/** @returns the entries that are neither an address nor a network such as 10.0.0.0/8, beside the list of the others */
export function trustedProxies(entries: readonly string[]): {
  readonly proxies: TrustedProxies;
  readonly wrong: readonly string[];
} {
  const list = new BlockList();
  const wrong = entries.filter((entry) => !add(list, entry));
  return {
    wrong,
    proxies: {
      has(address) {
        if (entries.length === 0) return false;
        const version = isIP(address);
        return version !== 0 && list.check(address, version === 6 ? "ipv6" : "ipv4");
      },
    },
  };
}

function add(list: BlockList, entry: string): boolean {
  const [address = "", bits, ...rest] = entry.split("/");
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  if (version === 0 || rest.length > 0) return false;
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)) return false;
  list.addSubnet(address, Number(bits ?? most), version === 6 ? "ipv6" : "ipv4");
  return true;
}

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
 * Where a call comes from. Everybody can write into `X-Forwarded-For`, so it counts only as far as trusted proxies
 * wrote it: read from its end, the first address that is none of theirs.
 */
export function clientAddress(
  remoteAddress: string,
  headers: IncomingHttpHeaders,
  proxies: TrustedProxies,
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
