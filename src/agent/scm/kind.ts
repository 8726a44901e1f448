import type { HttpAnswer } from "./http.ts";

/** What a link leads to, as far as the link alone says. */
export interface ScmLink {
  /** User, organisation, group with its parents, or organisation and project. */
  readonly owner: string;
  readonly repo: string;
  readonly target: LinkTarget;
}

export type LinkTarget =
  | { readonly kind: "repository" }
  /** Branch, tag or commit, with the path of a file or folder behind it perhaps: only the host knows where it ends. */
  | { readonly kind: "ref"; readonly path: readonly string[]; readonly named?: "branch" | "tag" }
  | { readonly kind: "commit"; readonly hash: string }
  | { readonly kind: "pull"; readonly id: string }
  | { readonly kind: "issue"; readonly id: string };

/** What a host says of a repository. */
export interface RepositoryFacts {
  readonly cloneUrl: string;
  readonly defaultBranch: string;
  /** Where it was forked from; empty: it is no fork. */
  readonly upstreamUrl: string;
}

export interface PullFacts {
  readonly title: string;
  readonly fromBranch: string;
  readonly toBranch: string;
  readonly url: string;
  readonly author: string;
  readonly draft: boolean;
  readonly state: "open" | "closed" | "merged";
  readonly headSha: string;
  /** Of the repository that has the branch with the change; empty: the same one. */
  readonly headCloneUrl: string;
}

export interface FoundPage {
  readonly repositories: readonly { readonly name: string; readonly url: string }[];
  /** 0: this was the last page. */
  readonly nextPage: number;
  /** -1: unknown. */
  readonly totalPages: number;
  readonly totalCount: number;
}

export interface SearchQuery {
  readonly text: string;
  /** The text is in the query language of the host. */
  readonly native: boolean;
  readonly page: number;
  readonly size: number;
}

export interface OrganizationPage {
  readonly organizations: readonly { readonly name: string; readonly url: string }[];
  /** Empty: this was the last page. */
  readonly nextToken: string;
}

/** A host of one integration: name, with port and path perhaps. */
export interface HostSpec {
  readonly host: string;
  /** The path below which an Azure DevOps Server lives; empty: none. */
  readonly virtualDirectory: string;
}

/** Reads from the interface of one host, in the name of one person. */
export interface ScmApi {
  readonly host: HostSpec;
  /** Whether the person is signed in. */
  readonly hasToken: boolean;
  /** @throws HttpFailure, or ScmRefusal for what is neither success nor "no such thing" */
  get(
    path: string,
    query?: Readonly<Record<string, string>>,
  ): Promise<HttpAnswer & { readonly found: boolean }>;
}

export interface Credential {
  readonly token: string;
  readonly isPat: boolean;
}

/** How to talk to one kind of source-code host. All paths are relative to `apiBase`. */
export interface ScmKind {
  readonly name: string;
  readonly docsUrl: string;
  apiBase(host: HostSpec): string;
  authorization(credential: Credential): Readonly<Record<string, string>>;
  /** How to make a token by hand. */
  tokenHelp(host: HostSpec): {
    createUrl: string;
    docsUrl: string;
    example: string;
    requiredScopes: string[];
  };
  /** @param path segments, decoded, without `.git` at the end of the last one. @returns null for what is no link to a repository */
  parse(path: readonly string[], query: URLSearchParams): ScmLink | null;
  cloneUrl(host: HostSpec, link: Pick<ScmLink, "owner" | "repo">): string;
  /** Whether the credential works. */
  isSignedIn(api: ScmApi): Promise<boolean>;
  /** Null: there is no such repository, or the person may not know of it. So for the others. */
  repository(api: ScmApi, link: ScmLink): Promise<RepositoryFacts | null>;
  hasRef(api: ScmApi, link: ScmLink, kind: "branch" | "tag" | "commit", name: string): Promise<boolean>;
  pull(api: ScmApi, link: ScmLink, id: string): Promise<PullFacts | null>;
  issue(api: ScmApi, link: ScmLink, id: string): Promise<{ readonly title: string } | null>;
  search(api: ScmApi, query: SearchQuery): Promise<FoundPage>;
  organizations(
    api: ScmApi,
    query: { readonly text: string; readonly token: string; readonly size: number },
  ): Promise<OrganizationPage>;
}

/** Why a question has no answer, by the codes of google.rpc that the agent protocol allows. */
export class ScmRefusal extends Error {
  override readonly name = "ScmRefusal";
  readonly code: 3 | 5 | 7 | 8 | 9 | 12 | 14;

  constructor(code: ScmRefusal["code"], message: string) {
    super(message);
    this.code = code;
  }
}

// What hosts answer is read with care: any part of it may be missing.

/** The value at a path of keys; undefined when there is none. */
export function at(value: unknown, ...keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, key);
  }
  return found;
}

export function textAt(value: unknown, ...keys: readonly string[]): string {
  const found = at(value, ...keys);
  return typeof found === "string" ? found : "";
}

export function listAt(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = at(value, ...keys);
  return Array.isArray(found) ? found : [];
}

export function path(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
}
