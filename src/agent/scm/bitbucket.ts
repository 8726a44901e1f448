import { at, listAt, path, type ScmKind, type ScmLink, textAt } from "./kind.ts";

/** How many workspaces one search goes through. */
const workspacesAtMost = 10;

/** Bitbucket Cloud; under another name than its own, a host that speaks the same. */
export const bitbucket: ScmKind = {
  name: "Bitbucket",
  docsUrl: "https://support.atlassian.com/bitbucket-cloud/docs/api-tokens/",
  apiBase: ({ host }) =>
    host.toLowerCase() === "bitbucket.org" ? "https://api.bitbucket.org/2.0" : `https://${host}/2.0`,
  authorization: ({ token }) => ({ authorization: `Bearer ${token}` }),
  tokenHelp: ({ host }) => ({
    createUrl: `https://${host}/account/settings/`,
    docsUrl: "https://support.atlassian.com/bitbucket-cloud/docs/access-tokens/",
    example: "ATCTT…",
    requiredScopes: ["account", "repository:write", "pullrequest"],
  }),
  parse([owner, repo, what, first, ...rest]) {
    if (owner === undefined || repo === undefined) return null;
    const link = { owner, repo };
    if (what === undefined) return { ...link, target: { kind: "repository" } };
    if (first === undefined) return what === "src" ? { ...link, target: { kind: "repository" } } : null;
    switch (what) {
      case "src":
        return { ...link, target: { kind: "ref", path: [first, ...rest] } };
      case "branch":
        return { ...link, target: { kind: "ref", path: [[first, ...rest].join("/")], named: "branch" } };
      case "commits":
        if (first !== "tag") return { ...link, target: { kind: "commit", hash: first } };
        if (rest.length === 0) return null;
        return { ...link, target: { kind: "ref", path: [rest.join("/")], named: "tag" } };
      case "pull-requests":
        return /^\d+$/.test(first) ? { ...link, target: { kind: "pull", id: first } } : null;
      case "issues":
        return /^\d+$/.test(first) ? { ...link, target: { kind: "issue", id: first } } : null;
      default:
        return null;
    }
  },
  cloneUrl: ({ host }, { owner, repo }) => `https://${host}${path(owner, repo)}.git`,
  isSignedIn: async (api) => (await api.get("/user")).found,
  async repository(api, link) {
    const { found, body } = await api.get(repository(link));
    if (!found) return null;
    const parent = textAt(body, "parent", "full_name");
    return {
      cloneUrl: `https://${api.host.host}/${textAt(body, "full_name")}.git`,
      defaultBranch: textAt(body, "mainbranch", "name"),
      upstreamUrl: parent === "" ? "" : `https://${api.host.host}/${parent}.git`,
    };
  },
  async hasRef(api, link, kind, name) {
    const part = { branch: "refs/branches", tag: "refs/tags", commit: "commit" }[kind];
    return (await api.get(`${repository(link)}/${part}${path(name)}`)).found;
  },
  async pull(api, link, id) {
    const { found, body } = await api.get(`${repository(link)}/pullrequests${path(id)}`);
    if (!found) return null;
    const state = textAt(body, "state");
    const from = textAt(body, "source", "repository", "full_name");
    const isFork = from !== "" && from !== textAt(body, "destination", "repository", "full_name");
    return {
      title: textAt(body, "title"),
      fromBranch: textAt(body, "source", "branch", "name"),
      toBranch: textAt(body, "destination", "branch", "name"),
      url: textAt(body, "links", "html", "href"),
      author: textAt(body, "author", "nickname"),
      draft: at(body, "draft") === true,
      state: state === "OPEN" ? "open" : state === "MERGED" ? "merged" : "closed",
      headSha: textAt(body, "source", "commit", "hash"),
      headCloneUrl: isFork ? `https://${api.host.host}/${from}.git` : "",
    };
  },
  async issue(api, link, id) {
    const { found, body } = await api.get(`${repository(link)}/issues${path(id)}`);
    return found ? { title: textAt(body, "title") } : null;
  },
  async search(api, { text, native, page, size }) {
    // There is no list across workspaces: the page counts in each of them.
    const { body } = await api.get("/user/workspaces", { pagelen: String(workspacesAtMost) });
    const q = native ? text : text === "" ? "" : `name ~ "${text.replaceAll(/["\\]/g, "\\$&")}"`;
    const query = { pagelen: String(size), page: String(page), sort: "-updated_on", ...(q !== "" && { q }) };
    const repositories: { name: string; url: string }[] = [];
    let more = false;
    for (const row of listAt(body, "values")) {
      const slug = textAt(row, "workspace", "slug") || textAt(row, "slug");
      const room = size - repositories.length;
      if (slug === "" || room === 0) break;
      const found = await api.get(`/repositories${path(slug)}`, query);
      more ||= textAt(found.body, "next") !== "";
      for (const one of listAt(found.body, "values").slice(0, room)) {
        repositories.push({ name: textAt(one, "full_name"), url: textAt(one, "links", "html", "href") });
      }
    }
    return { repositories, nextPage: more ? page + 1 : 0, totalPages: -1, totalCount: -1 };
  },
  async organizations(api, { token, size }) {
    const page = token || "1";
    const { body } = await api.get("/user/workspaces", { pagelen: String(size), page });
    const organizations = listAt(body, "values").map((row) => {
      const name = textAt(row, "workspace", "slug") || textAt(row, "slug");
      return { name, url: `https://${api.host.host}${path(name)}` };
    });
    return { organizations, nextToken: textAt(body, "next") === "" ? "" : String(Number(page) + 1) };
  },
};

function repository({ owner, repo }: Pick<ScmLink, "owner" | "repo">): string {
  return `/repositories${path(owner, repo)}`;
}
