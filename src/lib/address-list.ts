import { BlockList, isIP } from "node:net";

/** Addresses and networks of IPv4 and IPv6. */
export interface AddressList {
  has(address: string): boolean;
}

/** @returns the entries that are neither an address nor a network such as 10.0.0.0/8, beside the list of the others */
export function addressList(entries: readonly string[]): {
  readonly list: AddressList;
  readonly wrong: readonly string[];
} {
  const known = new BlockList();
  const wrong = entries.filter((entry) => !add(known, entry));
  return {
    wrong,
    list: {
      has(address) {
        if (entries.length === 0) return false;
        const version = isIP(address);
        return version !== 0 && known.check(address, version === 6 ? "ipv6" : "ipv4");
      },
    },
  };
}

function add(known: BlockList, entry: string): boolean {
  const [address = "", bits, ...rest] = entry.split("/");
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  if (version === 0 || rest.length > 0) return false;
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)) return false;
  known.addSubnet(address, Number(bits ?? most), version === 6 ? "ipv6" : "ipv4");
  return true;
}
