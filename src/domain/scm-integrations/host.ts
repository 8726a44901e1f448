import { invalidField } from "../errors.ts";

/** Longest name of a host (RFC 1035), and longest path after it. */
const nameAtMost = 253;
const pathAtMost = 512;

const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const syntax = new RegExp(`^(?<name>${label}(?:\\.${label})*)(?::(?<port>\\d{1,5}))?(?<path>/.*)?$`, "i");
/** Segments of a path (RFC 3986), none of which leads upwards. */
const pathSyntax = /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~!$&'()*+,;=:@%-]+)*\/?$/;

/** The standard port of https: it names the same host as no port does. */
const usualPort = 443;

/**
 * What tells hosts apart: lower case, without the usual port and without a slash at the end. A host is kept as it was sent.
 * @param host one name, with an optional port and path, such as `dev.azure.com/acme`
 * @throws DomainError `invalid` for the field `host`
 */
export function hostKey(host: string): string {
  const sized = host.length <= nameAtMost + ":65535".length + pathAtMost;
  const { name = "", port, path = "" } = (sized && syntax.exec(host)?.groups) || {};
  const sound =
    name !== "" && name.length <= nameAtMost && path.length <= pathAtMost && pathSyntax.test(path);
  if (!sound || !isRead(name, path)) {
    throw invalidField(
      "host",
      "scm.host.syntax",
      "must be one host name, which may have a port and a path: no scheme, user, query or blanks",
    );
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw invalidField("host", "scm.host.port", "must have a port between 1 and 65535");
  }
  const shown = port === undefined || Number(port) === usualPort ? "" : `:${Number(port)}`;
  return `${name}${shown}${path.replace(/\/$/, "")}`.toLowerCase();
}

/**
 * Whether the URL of a host leads to what is written: `127.1` and `0x7f000001` are read as addresses, `%2e%2e` as a way
 * upwards.
 */
function isRead(name: string, path: string): boolean {
  const url = URL.parse(`https://${name}${path}`);
  return url?.hostname === name.toLowerCase() && url.pathname === (path === "" ? "/" : path);
}

/** Checks a path below which a host lives. @throws DomainError `invalid` for the field */
export function checkPath(field: string, path: string): void {
  if (path.length <= pathAtMost && /^\/./.test(path) && pathSyntax.test(path) && isRead("host", path)) return;
  throw invalidField(
    field,
    "scm.path.syntax",
    `must be a path such as /tfs, of at most ${pathAtMost} characters`,
  );
}

/** Whether a host is the one of this key, or below its path. Both are keys of {@link hostKey}. */
export function covers(key: string, hostKey: string): boolean {
  return hostKey === key || hostKey.startsWith(`${key}/`);
}
