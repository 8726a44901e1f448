import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ScmKind, ScmLink } from "../../../src/agent/scm/kind.ts";
import { readLink, scmKinds } from "../../../src/agent/scm/kinds.ts";

const kindOf = (id: string): ScmKind => {
  const kind = scmKinds[id];
  if (kind === undefined) throw new Error(`no such kind: ${id}`);
  return kind;
};
const read = (id: string, host: string, text: string, virtualDirectory = "") =>
  readLink(kindOf(id), { host, virtualDirectory }, text);

/** Names as hosts allow them, and none that means something in a link. */
const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,15}[a-z0-9]$/).filter((text) => text !== "tree");
const refSegment = fc
  .stringMatching(/^[A-Za-z0-9][A-Za-z0-9._#+ü-]{0,12}[a-z0-9]$/)
  .filter((text) => !text.endsWith(".git"));
const segments = fc.array(refSegment, { minLength: 1, maxLength: 5 });
const number = fc.integer({ min: 1, max: 999_999 }).map(String);
const hash = fc.stringMatching(/^[0-9a-f]{40}$/);
const encoded = (path: readonly string[]) => path.map(encodeURIComponent).join("/");

type Target = ScmLink["target"];
interface Case {
  /** Behind the address of the repository. */
  readonly path: string;
  readonly target: Target;
}

const repository = fc.constant<Case>({ path: "", target: { kind: "repository" } });
const ref = (before: string) =>
  segments.map((path): Case => ({ path: `${before}/${encoded(path)}`, target: { kind: "ref", path } }));
const namedRef = (before: string, named: "branch" | "tag") =>
  segments.map((path): Case => {
    return { path: `${before}/${encoded(path)}`, target: { kind: "ref", path: [path.join("/")], named } };
  });
const commit = (before: string) =>
  hash.map((text): Case => ({ path: `${before}/${text}`, target: { kind: "commit", hash: text } }));
const numbered = (before: string, kind: "pull" | "issue") =>
  number.map((id): Case => ({ path: `${before}/${id}`, target: { kind, id } }));

const kinds = {
  github: {
    host: "github.com",
    owner: name,
    cases: [
      repository,
      ref("/tree"),
      ref("/blob"),
      commit("/commit"),
      namedRef("/releases/tag", "tag"),
      numbered("/pull", "pull"),
      numbered("/issues", "issue"),
    ],
  },
  gitlab: {
    host: "gitlab.example:8443",
    owner: fc.array(name, { minLength: 1, maxLength: 4 }).map((groups) => groups.join("/")),
    cases: [
      repository,
      ref("/-/tree"),
      ref("/-/blob"),
      commit("/-/commit"),
      namedRef("/-/tags", "tag"),
      numbered("/-/merge_requests", "pull"),
      numbered("/-/issues", "issue"),
    ],
  },
  bitbucket: {
    host: "bitbucket.org",
    owner: name,
    cases: [
      repository,
      ref("/src"),
      namedRef("/branch", "branch"),
      commit("/commits"),
      namedRef("/commits/tag", "tag"),
      numbered("/pull-requests", "pull"),
      numbered("/issues", "issue"),
    ],
  },
} as const;

describe.each(Object.entries(kinds))("%s", (id, { host, owner, cases }) => {
  test("reads every kind of link, whatever repositories and branches are called", () => {
    fc.assert(
      fc.property(owner, name, fc.oneof(...cases), (owned, repo, { path, target }) => {
        const text = `https://${host}/${owned}/${repo}${path}`;
        expect(read(id, host, text)).toEqual({ owner: owned, repo, target });
      }),
    );
  });

  test("reads both forms that git clones from", () => {
    fc.assert(
      fc.property(owner, name, (owned, repo) => {
        const link = { owner: owned, repo, target: { kind: "repository" } };
        expect(read(id, host, `https://${host}/${owned}/${repo}.git`)).toEqual(link);
        expect(read(id, host, `ssh://git@${host.replace(/:.*/, "")}/${owned}/${repo}.git`)).toEqual(link);
      }),
    );
  });

  test("reads nothing of another host, and never throws", () => {
    expect(read(id, host, `https://evil.example/${host}/a/b`)).toBeNull();
    expect(read(id, host, `https://${host}.evil.example/a/b`)).toBeNull();
    expect(read(id, host, `https://${host}/a/%2e%2e/b`)).toBeNull();
    fc.assert(fc.property(fc.string(), (path) => void read(id, host, `https://${host}/a/b/${path}`)));
    fc.assert(fc.property(fc.webUrl(), (text) => read(id, host, text) === null));
  });
});

describe("azure devops", () => {
  const cloud = (text: string, host = "dev.azure.com/acme") => read("azuredevops_entra", host, text);
  const link = { owner: "acme/My Project", repo: "tool" };

  test.each([
    ["https://dev.azure.com/acme/My%20Project/_git/tool", { kind: "repository" }],
    ["https://me@dev.azure.com/acme/My%20Project/_git/tool", { kind: "repository" }],
    ["ssh://git@ssh.dev.azure.com/v3/acme/My%20Project/tool", { kind: "repository" }],
    [
      "https://dev.azure.com/acme/My%20Project/_git/tool?version=GBfeature%2Fa",
      { kind: "ref", path: ["feature/a"], named: "branch" },
    ],
    [
      "https://dev.azure.com/acme/My%20Project/_git/tool?path=/a.ts&version=GTv1",
      { kind: "ref", path: ["v1"], named: "tag" },
    ],
    ["https://dev.azure.com/acme/My%20Project/_git/tool/commit/0123abc", { kind: "commit", hash: "0123abc" }],
    ["https://dev.azure.com/acme/My%20Project/_git/tool/pullrequest/7", { kind: "pull", id: "7" }],
  ])("%s", (text, target) => {
    expect(cloud(text)).toEqual({ ...link, target });
  });

  test("a repository that is called as its project, another organisation, a server below a path", () => {
    expect(cloud("https://dev.azure.com/acme/_git/tool")).toMatchObject({ owner: "acme/tool", repo: "tool" });
    expect(cloud("https://dev.azure.com/other/p/_git/tool")).toBeNull();
    const onServer = "https://tfs.example/tfs/Main/p/_git/tool";
    expect(read("azuredevops_server", "tfs.example", onServer, "/tfs")).toMatchObject({ owner: "Main/p" });
  });
});
