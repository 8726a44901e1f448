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
    const named = hop.trim();
    if (isIP(named) === 0) return address;
    address = named;
    if (!proxies.has(address)) return address;
  }
  return address;
}
