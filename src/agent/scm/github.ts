import { at, listAt, path, type ScmKind, textAt } from "./kind.ts";

/** GitHub shows no more of a search than this many results. */
const searchAtMost = 1000;

/** github.com, and GitHub Enterprise Server under any other name. */
export const github: ScmKind = {
  name: "GitHub",
  docsUrl: "https://docs.github.com/en/authentication",
  apiBase: ({ host }) =>
    host.toLowerCase() === "github.com" ? "https://api.github.com" : `https://${host}/api/v3`,
  authorization: ({ token }) => ({ authorization: `Bearer ${token}` }),
  tokenHelp: ({ host }) => ({
    createUrl: `https://${host}/settings/tokens/new?scopes=repo,workflow,read:user,user:email`,
    docsUrl:
      "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens",
    example: "ghp_…",
    requiredScopes: ["repo", "read:user", "user:email", "workflow"],
  }),
  parse([owner, repo, what, ...rest]) {
    if (owner === undefined || repo === undefined) return null;
    const [first, ...more] = rest;
    const link = { owner, repo };
    if (what === undefined) return { ...link, target: { kind: "repository" } };
    if (first === undefined) return null;
    switch (what) {
      case "tree":
      case "blob":
      case "blame":
      case "raw":
        return { ...link, target: { kind: "ref", path: rest } };
      case "commit":
        return { ...link, target: { kind: "commit", hash: first } };
      case "releases":
        if (first !== "tag" || more.length === 0) return null;
        return { ...link, target: { kind: "ref", path: [more.join("/")], named: "tag" } };
      case "pull":
        return /^\d+$/.test(first) ? { ...link, target: { kind: "pull", id: first } } : null;
      case "issues":
        return /^\d+$/.test(first) ? { ...link, target: { kind: "issue", id: first } } : null;
      default:
        return null;
    }
  },
  cloneUrl: ({ host }, { owner, repo }) => `https://${host}${path(owner, repo)}.git`,
  isSignedIn: async (api) => (await api.get("/user")).found,
  async repository(api, { owner, repo }) {
    const { found, body } = await api.get(`/repos${path(owner, repo)}`);
    if (!found) return null;
    return {
      cloneUrl: textAt(body, "clone_url"),
      defaultBranch: textAt(body, "default_branch"),
      upstreamUrl: at(body, "fork") === true ? textAt(body, "parent", "clone_url") : "",
    };
  },
  async hasRef(api, { owner, repo }, kind, name) {
    const base = `/repos${path(owner, repo)}`;
    const asked = {
      branch: `${base}/branches${path(name)}`,
      tag: `${base}/git/ref/tags/${name.split("/").map(encodeURIComponent).join("/")}`,
      commit: `${base}/commits${path(name)}`,
    };
    return (await api.get(asked[kind])).found;
  },
  async pull(api, { owner, repo }, id) {
    const { found, body } = await api.get(`/repos${path(owner, repo)}/pulls${path(id)}`);
    if (!found) return null;
    const isMerged = at(body, "merged") === true;
    const state = textAt(body, "state") === "open" ? "open" : isMerged ? "merged" : "closed";
    const head = textAt(body, "head", "repo", "clone_url");
    return {
      title: textAt(body, "title"),
      fromBranch: textAt(body, "head", "ref"),
      toBranch: textAt(body, "base", "ref"),
      url: textAt(body, "html_url"),
      author: textAt(body, "user", "login"),
      draft: at(body, "draft") === true,
      state,
      headSha: textAt(body, "head", "sha"),
      headCloneUrl: head === textAt(body, "base", "repo", "clone_url") ? "" : head,
    };
  },
  async issue(api, { owner, repo }, id) {
    const { found, body } = await api.get(`/repos${path(owner, repo)}/issues${path(id)}`);
    return found ? { title: textAt(body, "title") } : null;
  },
  async search(api, { text, native, page, size }) {
    if (text === "" && api.hasToken) {
      const query = { sort: "pushed", per_page: String(size), page: String(page) };
      const { body } = await api.get("/user/repos", query);
      const rows = listAt(body);
      const nextPage = rows.length < size ? 0 : page + 1;
      return { repositories: rows.map(named), nextPage, totalPages: -1, totalCount: -1 };
    }
    const login = !native && api.hasToken ? textAt((await api.get("/user")).body, "login") : "";
    const q = native ? text : `${text} ${login === "" ? "is:public" : `user:${login} is:public`}`.trim();
    const { body } = await api.get("/search/repositories", { q, per_page: String(size), page: String(page) });
    const count = Number(at(body, "total_count") ?? 0);
    const totalPages = Math.ceil(Math.min(count, searchAtMost) / size);
    const nextPage = page < totalPages ? page + 1 : 0;
    return { repositories: listAt(body, "items").map(named), nextPage, totalPages, totalCount: count };
  },
  async organizations(api, { token, size }) {
    const page = Number(token || 1);
    const { body } = await api.get("/user/orgs", { per_page: String(size), page: String(page) });
    const rows = listAt(body);
    const organizations = rows.map((row) => {
      const name = textAt(row, "login");
      return { name, url: `https://${api.host.host}${path(name)}` };
    });
    return { organizations, nextToken: rows.length < size ? "" : String(page + 1) };
  },
};

function named(row: unknown) {
  return { name: textAt(row, "full_name"), url: textAt(row, "html_url") };
}
