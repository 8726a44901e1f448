import { BlockList, isIP } from "node:net";
import { AgentEndError, agentEnd } from "./end.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that the environment names for a server: `HTTPS_PROXY` for https, `HTTP_PROXY` for http, unless `NO_PROXY`
 * names the server. As with curl, a name in lower case goes before the one in upper case.
 * @returns null: connect without one
 * @throws AgentEndError PROXY_UNUSABLE for an address that is no proxy of http or https
 */
export function proxyFor(server: URL, environment: Environment): URL | null {
  const name = server.protocol === "https:" ? "https_proxy" : "http_proxy";
  const [variable = name, text = ""] =
    [name, name.toUpperCase()].map((key) => [key, environment[key]?.trim()]).find(([, value]) => value) ?? [];
  const exceptions = environment.no_proxy || environment.NO_PROXY || "";
  if (text === "" || isExcepted(server, exceptions)) return null;
  const address = text.includes("://") ? text : `http://${text}`;
  const proxy = URL.canParse(address) ? new URL(address) : null;
  if (proxy?.hostname && (proxy.protocol === "http:" || proxy.protocol === "https:")) return proxy;
  const what = `${variable} names no proxy; it must be an address such as http://proxy.example:3128`;
  throw new AgentEndError(agentEnd("PROXY_UNUSABLE", what));
}

/** The host of an address without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

export function portOf({ port, protocol }: URL): number {
  return Number(port) || (protocol === "https:" ? 443 : 80);
}

/** @param exceptions names (which stand for those below them too), addresses and nets, each with a port if it is for that alone; or `*` */
function isExcepted(server: URL, exceptions: string): boolean {
  const host = hostOf(server).toLowerCase().replace(/\.$/, "");
  return exceptions
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const [, bracketed, plain, port] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
      if (port !== undefined && Number(port) !== portOf(server)) return false;
      const named = bracketed ?? plain ?? entry;
      if (named === "*") return true;
      if (isIP(host) > 0) return isInNet(host, named);
      const domain = named.replace(/^\*?\./, "").replace(/\.$/, "");
      return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
    });
}

/** Whether an address is another one, spelled otherwise perhaps, or one of a net such as 10.0.0.0/8. */
function isInNet(address: string, net: string): boolean {
  const [base = "", length] = net.split("/");
  const family = isIP(base) === 6 ? "ipv6" : "ipv4";
  const bits = length === undefined ? (family === "ipv6" ? 128 : 32) : Number(length);
  if (isIP(base) === 0 || !/^\d*$/.test(length ?? "") || bits > (family === "ipv6" ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(base, bits, family);
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}
