import { at, type FoundPage, listAt, path, type ScmKind, type ScmLink, textAt } from "./kind.ts";

/** The least that a member of a group may be that counts: guests. */
const guest = "10";

/** gitlab.com, and GitLab under any other name. */
export const gitlab: ScmKind = {
  name: "GitLab",
  docsUrl: "https://docs.gitlab.com/user/profile/personal_access_tokens/",
  apiBase: ({ host }) => `https://${host}/api/v4`,
  authorization: ({ token, isPat }): Readonly<Record<string, string>> =>
    isPat ? { "private-token": token } : { authorization: `Bearer ${token}` },
  tokenHelp: ({ host }) => ({
    createUrl: `https://${host}/-/user_settings/personal_access_tokens?scopes=api,read_repository,read_user`,
    docsUrl: "https://docs.gitlab.com/user/profile/personal_access_tokens/",
    example: "glpat-…",
    requiredScopes: ["api", "read_repository", "read_user"],
  }),
  parse(segments) {
    const dash = segments.indexOf("-");
    const project = dash < 0 ? segments : segments.slice(0, dash);
    const repo = project.at(-1);
    if (project.length < 2 || repo === undefined) return null;
    const link = { owner: project.slice(0, -1).join("/"), repo };
    if (dash < 0) return { ...link, target: { kind: "repository" } };
    const [what, first, ...rest] = segments.slice(dash + 1);
    if (first === undefined) return null;
    switch (what) {
      case "tree":
      case "blob":
      case "blame":
      case "raw":
        return { ...link, target: { kind: "ref", path: [first, ...rest] } };
      case "tags":
        return { ...link, target: { kind: "ref", path: [[first, ...rest].join("/")], named: "tag" } };
      case "commit":
        return { ...link, target: { kind: "commit", hash: first } };
      case "merge_requests":
        return /^\d+$/.test(first) ? { ...link, target: { kind: "pull", id: first } } : null;
      case "issues":
      case "work_items":
        return /^\d+$/.test(first) ? { ...link, target: { kind: "issue", id: first } } : null;
      default:
        return null;
    }
  },
  cloneUrl: ({ host }, { owner, repo }) => `https://${host}${path(...owner.split("/"), repo)}.git`,
  isSignedIn: async (api) => (await api.get("/user")).found,
  async repository(api, link) {
    const { found, body } = await api.get(project(link));
    if (!found) return null;
    return {
      cloneUrl: textAt(body, "http_url_to_repo"),
      defaultBranch: textAt(body, "default_branch"),
      upstreamUrl: textAt(body, "forked_from_project", "http_url_to_repo"),
    };
  },
  async hasRef(api, link, kind, name) {
    const part = { branch: "branches", tag: "tags", commit: "commits" }[kind];
    return (await api.get(`${project(link)}/repository/${part}${path(name)}`)).found;
  },
  async pull(api, link, id) {
    const { found, body } = await api.get(`${project(link)}/merge_requests${path(id)}`);
    if (!found) return null;
    const state = textAt(body, "state");
    const source = at(body, "source_project_id");
    const isFork = source !== undefined && source !== at(body, "target_project_id");
    const from = isFork ? (await api.get(`/projects/${encodeURIComponent(String(source))}`)).body : null;
    return {
      title: textAt(body, "title"),
      fromBranch: textAt(body, "source_branch"),
      toBranch: textAt(body, "target_branch"),
      url: textAt(body, "web_url"),
      author: textAt(body, "author", "username"),
      draft: at(body, "draft") === true,
      state: state === "opened" ? "open" : state === "merged" ? "merged" : "closed",
      headSha: textAt(body, "sha"),
      headCloneUrl: textAt(from, "http_url_to_repo"),
    };
  },
  async issue(api, link, id) {
    const { found, body } = await api.get(`${project(link)}/issues${path(id)}`);
    return found ? { title: textAt(body, "title") } : null;
  },
  async search(api, { text, page, size }): Promise<FoundPage> {
    const answer = await api.get("/projects", {
      ...(api.hasToken && { membership: "true" }),
      ...(text !== "" && { search: text }),
      per_page: String(size),
      page: String(page),
    });
    return {
      repositories: listAt(answer.body).map((row) => ({
        name: textAt(row, "path_with_namespace"),
        url: textAt(row, "web_url"),
      })),
      nextPage: Number(answer.headers["x-next-page"]) || 0,
      totalPages: count(answer.headers["x-total-pages"]),
      totalCount: count(answer.headers["x-total"]),
    };
  },
  async organizations(api, { text, token, size }) {
    const { body, headers } = await api.get("/groups", {
      min_access_level: guest,
      ...(text !== "" && { search: text }),
      per_page: String(size),
      page: token || "1",
    });
    const organizations = listAt(body).map((row) => ({
      name: textAt(row, "full_path"),
      url: textAt(row, "web_url"),
    }));
    return { organizations, nextToken: String(Number(headers["x-next-page"]) || "") };
  },
};

function project({ owner, repo }: Pick<ScmLink, "owner" | "repo">): string {
  return `/projects${path(`${owner}/${repo}`)}`;
}

/** GitLab leaves totals out of lists that are very long. */
function count(header: unknown): number {
  return typeof header === "string" && /^\d+$/.test(header) ? Number(header) : -1;
}
