import { at, listAt, path, type ScmApi, type ScmKind, type ScmLink, textAt } from "./kind.ts";

const version = { "api-version": "7.1" };

/** dev.azure.com, and Azure DevOps Server under any other name. Owners are organisation (or collection) and project. */
export const azureDevops: ScmKind = {
  name: "Azure DevOps",
  docsUrl:
    "https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate",
  apiBase: ({ host, virtualDirectory }) => `https://${host.replace(/\/.*$/, "")}${virtualDirectory}`,
  authorization: ({ token, isPat }) => ({
    authorization: isPat ? `Basic ${Buffer.from(`:${token}`).toString("base64")}` : `Bearer ${token}`,
  }),
  tokenHelp: ({ host, virtualDirectory }) => ({
    createUrl: `https://${host}${virtualDirectory}/_usersSettings/tokens`,
    docsUrl:
      "https://learn.microsoft.com/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate",
    example: "52 letters and digits, or 84",
    requiredScopes: ["vso.code_write", "vso.project", "vso.profile"],
  }),
  parse(segments, query) {
    // The ssh form has no _git: org/project/repo.
    const git = segments.indexOf("_git");
    // A repository that is called as its project is linked to without it.
    const unsaid = git === 1 ? segments.slice(2, 3) : [];
    const parts = git < 0 ? segments : [...segments.slice(0, git), ...unsaid, ...segments.slice(git + 1)];
    const [organization, project, repo, what, first] = parts;
    if (organization === undefined || project === undefined || repo === undefined) return null;
    const link = { owner: `${organization}/${project}`, repo };
    if (what === "pullrequest") {
      return first !== undefined && /^\d+$/.test(first)
        ? { ...link, target: { kind: "pull", id: first } }
        : null;
    }
    if (what === "commit")
      return first === undefined ? null : { ...link, target: { kind: "commit", hash: first } };
    if (what !== undefined) return null;
    const [kind, name] = [query.get("version")?.slice(0, 2), query.get("version")?.slice(2) ?? ""];
    if (kind === undefined || name === "") return { ...link, target: { kind: "repository" } };
    if (kind === "GC") return { ...link, target: { kind: "commit", hash: name } };
    if (kind !== "GB" && kind !== "GT") return null;
    return { ...link, target: { kind: "ref", path: [name], named: kind === "GT" ? "tag" : "branch" } };
  },
  cloneUrl: (host, { owner, repo }) =>
    `${azureDevops.apiBase(host)}${path(...owner.split("/"))}/_git${path(repo)}`,
  isSignedIn: async (api) => (await api.get(`${organizationOf(api)}/_apis/connectionData`)).found,
  async repository(api, link) {
    const { found, body } = await api.get(repository(link), version);
    if (!found) return null;
    return {
      cloneUrl: textAt(body, "webUrl") || textAt(body, "remoteUrl"),
      defaultBranch: shortRef(textAt(body, "defaultBranch")),
      upstreamUrl: textAt(body, "parentRepository", "remoteUrl"),
    };
  },
  async hasRef(api, link, kind, name) {
    if (kind === "commit") return (await api.get(`${repository(link)}/commits${path(name)}`, version)).found;
    const filter = `${kind === "tag" ? "tags" : "heads"}/${name}`;
    const { body } = await api.get(`${repository(link)}/refs`, { ...version, filter });
    return listAt(body, "value").some((row) => textAt(row, "name") === `refs/${filter}`);
  },
  async pull(api, link, id) {
    const { found, body } = await api.get(`${repository(link)}/pullrequests${path(id)}`, version);
    if (!found) return null;
    const status = textAt(body, "status");
    return {
      title: textAt(body, "title"),
      fromBranch: shortRef(textAt(body, "sourceRefName")),
      toBranch: shortRef(textAt(body, "targetRefName")),
      url: `${azureDevops.cloneUrl(api.host, link)}/pullrequest${path(id)}`,
      author: textAt(body, "createdBy", "uniqueName"),
      draft: at(body, "isDraft") === true,
      state: status === "active" ? "open" : status === "completed" ? "merged" : "closed",
      headSha: textAt(body, "lastMergeSourceCommit", "commitId"),
      headCloneUrl: textAt(body, "forkSource", "repository", "remoteUrl"),
    };
  },
  // Work items belong to projects, and no link to one names a repository.
  issue: async () => null,
  async search(api, { text, page, size }) {
    const { body } = await api.get(`${organizationOf(api)}/_apis/git/repositories`, version);
    const wanted = text.toLowerCase();
    const all = listAt(body, "value")
      .map((row) => ({
        name: `${textAt(row, "project", "name")}/${textAt(row, "name")}`,
        url: textAt(row, "webUrl") || textAt(row, "remoteUrl"),
      }))
      .filter(({ name }) => name.toLowerCase().includes(wanted));
    const totalPages = Math.ceil(all.length / size);
    const repositories = all.slice((page - 1) * size, page * size);
    return { repositories, nextPage: page < totalPages ? page + 1 : 0, totalPages, totalCount: all.length };
  },
  async organizations(api, { token, size }) {
    const skip = Number(token || 0);
    const query = { ...version, $top: String(size), $skip: String(skip) };
    const { body } = await api.get(`${organizationOf(api)}/_apis/projects`, query);
    const rows = listAt(body, "value");
    const base = `${azureDevops.apiBase(api.host)}${organizationOf(api)}`;
    const organizations = rows.map((row) => {
      const name = textAt(row, "name");
      return { name, url: `${base}${path(name)}` };
    });
    return { organizations, nextToken: rows.length < size ? "" : String(skip + size) };
  },
};

/** The organisation that an integration's host names: `dev.azure.com/acme`. Empty: the host of a server is all there is. */
function organizationOf({ host }: Pick<ScmApi, "host">): string {
  const [, organization] = /^[^/]+(\/[^/]+)/.exec(host.host) ?? [];
  return organization ?? "";
}

function repository({ owner, repo }: Pick<ScmLink, "owner" | "repo">): string {
  return `${path(...owner.split("/"))}/_apis/git/repositories${path(repo)}`;
}

function shortRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, "");
}
