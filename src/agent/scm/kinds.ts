import { azureDevops } from "./azure-devops.ts";
import { bitbucket } from "./bitbucket.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import type { HostSpec, ScmKind, ScmLink } from "./kind.ts";

/** The kinds of source-code hosts that this agent can ask, by their ids. */
export const scmKinds: Readonly<Record<string, ScmKind>> = {
  github,
  gitlab,
  bitbucket,
  azuredevops_entra: azureDevops,
  azuredevops_server: azureDevops,
};

/** Azure DevOps has another name for ssh, with the version of its addresses first. */
const azureSsh = "ssh.dev.azure.com";

/** A link as the host that it leads to reads it. Null: it leads elsewhere, or to no repository. */
export function readLink(kind: ScmKind, host: HostSpec, text: string): ScmLink | null {
  const url = URL.parse(text);
  if (url === null) return null;
  const [name = "", ...base] = host.host.toLowerCase().split("/");
  const isSsh = url.protocol === "ssh:";
  if (!isSsh && url.protocol !== "https:" && url.protocol !== "http:") return null;
  const named = isSsh ? url.hostname.replace(azureSsh, "dev.azure.com") : url.host;
  if (named.toLowerCase() !== (isSsh ? name.replace(/:\d+$/, "") : name.replace(/:443$/, ""))) return null;
  const segments = decoded(url.pathname);
  if (segments === null) return null;
  const skipped = skip(segments, host.virtualDirectory.split("/").filter(Boolean));
  const isVersioned = url.hostname === azureSsh && /^v\d+$/.test(skipped[0] ?? "");
  const path = isVersioned ? skipped.slice(1) : skipped;
  // What the host of an integration says beyond its name is a part of what owners are called, and must agree.
  if (base.some((part, index) => path[index]?.toLowerCase() !== part)) return null;
  return kind.parse(path, url.searchParams);
}

function skip(path: readonly string[], prefix: readonly string[]): readonly string[] {
  const has = prefix.every((part, index) => path[index]?.toLowerCase() === part.toLowerCase());
  return has ? path.slice(prefix.length) : path;
}

/** The segments of a path, without `.git` at the end of the name of a repository. */
function decoded(pathname: string): string[] | null {
  try {
    const segments = pathname.split("/").filter(Boolean).map(decodeURIComponent);
    // What is decoded to one of these would be another path for the host.
    if (segments.some((segment) => segment === "." || segment === ".." || segment.includes("\0")))
      return null;
    const last = segments.at(-1);
    if (last?.endsWith(".git") && last.length > 4) segments.splice(-1, 1, last.slice(0, -4));
    return segments;
  } catch {
    return null;
  }
}
