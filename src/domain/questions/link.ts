import { invalidField } from "../errors.ts";

/** The ways in which repositories and pages of source-code hosts are linked to. */
const protocols = new Set(["https:", "http:", "ssh:"]);
const linkAtMost = 4096;
/** Azure DevOps has another name for ssh, with the version of its addresses first. */
const azureSsh = "ssh.dev.azure.com";

/**
 * A link to something on a source-code host.
 * @param field of the request, for the error
 * @throws DomainError `invalid`
 */
export function parseLink(field: string, text: string): URL {
  const url = text.length <= linkAtMost ? URL.parse(text) : null;
  if (url !== null && protocols.has(url.protocol) && url.hostname !== "" && url.password === "") return url;
  throw invalidField(
    field,
    "question.link.form",
    `must be an https, http or ssh address of at most ${linkAtMost} characters, without a password`,
  );
}

/** The host of a link, as hosts of integrations are written: with its port, unless the protocol is ssh. */
export function linkHost({ hostname, port, protocol }: URL): string {
  const name = hostname.replace(azureSsh, "dev.azure.com");
  return protocol === "ssh:" || port === "" || port === "443" ? name : `${name}:${port}`;
}

/** Whether a link leads to the host of an integration, or below its path. @param key its host as hosts are compared */
export function isLinkOf(url: URL, key: string): boolean {
  const path = url.hostname === azureSsh ? url.pathname.replace(/^\/v\d+(?=\/)/, "") : url.pathname;
  const link = `${linkHost(url)}${path}`.toLowerCase();
  if (isBelow(link, key)) return true;
  // For ssh the port is another one than that of the web pages.
  return url.protocol === "ssh:" && isBelow(link, key.replace(/:\d+(?=\/|$)/, ""));
}

function isBelow(link: string, key: string): boolean {
  return link === key || link.startsWith(`${key}/`);
}
