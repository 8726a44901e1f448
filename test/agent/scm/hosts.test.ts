import https from "node:https";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PullRequest_State } from "../../../gen/gitpod/v1/agent_pb.js";
import { QuestionSchema } from "../../../gen/rollcall/v1/agent_pb.js";
import { answerQuestion, type KnownHost } from "../../../src/agent/scm/answers.ts";
import { HostHttp } from "../../../src/agent/scm/http.ts";
import { type HostReply, type ScmHost, scmHost } from "../../support/scm-host.ts";

// The hosts answer as their documentation says that they do.

let host: ScmHost;
let agent: https.Agent;
beforeAll(async () => {
  host = await scmHost();
  agent = new https.Agent({ ca: host.certificate.cert });
});
afterAll(async () => {
  agent.destroy();
  await host.close();
});
beforeEach(() => {
  host.seen.length = 0;
  host.reply = () => undefined;
});

type Ask = NonNullable<MessageInitShape<typeof QuestionSchema>["ask"]>;

interface Setting {
  readonly scmId?: string;
  /** Null: not signed in. */
  readonly token?: string | null;
  readonly path?: string;
}

function ask(asked: Ask, { scmId = "github", token = "secret", path = "" }: Setting = {}) {
  const spec = { host: `${host.host}${path}`, virtualDirectory: "" };
  const known: KnownHost = {
    spec,
    scmId,
    pat: true,
    credential: token === null ? null : { token, isPat: true },
  };
  const { ask: made } = create(QuestionSchema, { ask: asked });
  return answerQuestion(made, {
    http: new HostHttp(agent),
    hosts: [known],
    signal: new AbortController().signal,
  });
}

const url = (path: string) => `https://${host.host}${path}`;
const parse = (path: string, setting?: Setting) =>
  ask({ case: "parse", value: { contextUrl: url(path) } }, setting);
const check = (setting?: Setting) =>
  ask({ case: "checkRepository", value: { repositoryUrl: url("/acme/tool") } }, setting);
/** Replies by path, others are not there. */
const serve = (replies: Readonly<Record<string, HostReply>>) => {
  host.reply = ({ path }) => replies[path];
};
const refused = (code: number, message?: unknown) => ({
  case: "error",
  value: { code, ...(message !== undefined && { message }) },
});

describe("GitHub", () => {
  const api = "/api/v3";
  const repo = {
    body: {
      clone_url: "https://host/acme/tool.git",
      default_branch: "main",
      fork: true,
      parent: { clone_url: "https://host/upstream/tool.git" },
    },
  };

  test("resolves a repository, with where it was forked from", async () => {
    serve({ [`${api}/repos/acme/tool`]: repo });
    expect(await parse("/acme/tool")).toMatchObject({
      case: "parse",
      value: {
        scmId: "github",
        git: {
          cloneUrl: "https://host/acme/tool.git",
          branch: "main",
          owner: "acme",
          repo: "tool",
          upstreamRemoteUrl: "https://host/upstream/tool.git",
        },
      },
    });
    expect(host.seen[0]?.headers.authorization).toBe("Bearer secret");
  });

  test("finds where a branch with slashes ends, a tag, and a commit", async () => {
    host.reply = ({ path }) => {
      const known = [
        `${api}/repos/acme/tool/branches/feature%2Fa`,
        `${api}/repos/acme/tool/git/ref/tags/v1`,
        `${api}/repos/acme/tool/commits/0123abc`,
      ];
      if (path === `${api}/repos/acme/tool`) return repo;
      return known.includes(path) ? {} : undefined;
    };
    const git = async (path: string) => {
      const answer = await parse(path);
      if (answer.case !== "parse") throw new Error(JSON.stringify(answer));
      return answer.value.git;
    };
    expect(await git("/acme/tool/tree/feature/a/src/x.ts")).toMatchObject({ branch: "feature/a" });
    expect(await git("/acme/tool/tree/v1")).toMatchObject({ tag: "v1", branch: "" });
    expect(await git("/acme/tool/blob/0123abc/x.ts")).toMatchObject({ commit: "0123abc", branch: "" });
    expect(await parse("/acme/tool/tree/none")).toMatchObject(refused(5));
  });

  test("resolves a pull request of a fork, and an issue", async () => {
    serve({
      [`${api}/repos/acme/tool`]: repo,
      [`${api}/repos/acme/tool/pulls/7`]: {
        body: {
          title: "Mend",
          state: "closed",
          merged: true,
          draft: false,
          html_url: url("/acme/tool/pull/7"),
          user: { login: "ada" },
          head: { ref: "mend", sha: "abc", repo: { clone_url: "https://host/ada/tool.git" } },
          base: { ref: "main", repo: { clone_url: "https://host/acme/tool.git" } },
        },
      },
      [`${api}/repos/acme/tool/issues/8`]: { body: { title: "Broken" } },
    });
    expect(await parse("/acme/tool/pull/7")).toMatchObject({
      value: {
        git: { cloneUrl: "https://host/ada/tool.git", branch: "mend", commit: "abc" },
        pullRequest: {
          id: "7",
          title: "Mend",
          author: "ada",
          state: PullRequest_State.MERGED,
          toBranch: "main",
        },
      },
    });
    expect(await parse("/acme/tool/issues/8")).toMatchObject({
      value: { issue: { id: "8", title: "Broken" } },
    });
  });

  test("searches by keyword among the asker's, and natively as it was written, page by page", async () => {
    serve({
      [`${api}/user`]: { body: { login: "ada" } },
      [`${api}/search/repositories`]: {
        body: { total_count: 5, items: [{ full_name: "acme/tool", html_url: url("/acme/tool") }] },
      },
    });
    const search = (searchMode: number, token: string) =>
      ask({
        case: "search",
        value: { searchString: "tool", searchMode, pagination: { pageSize: 2, token } },
      });
    expect(await search(1, "")).toMatchObject({
      value: { repositories: [{ name: "acme/tool" }], pagination: { nextToken: "2/3/5" } },
    });
    expect(host.seen.at(-1)?.query.get("q")).toBe("tool user:ada is:public");
    expect(await search(2, "3/3/5")).toMatchObject({ value: { pagination: { nextToken: "" } } });
    expect(Object.fromEntries(host.seen.at(-1)?.query ?? [])).toEqual({
      q: "tool",
      per_page: "2",
      page: "3",
    });
  });

  test("tells who is signed in, and how to sign in", async () => {
    const signedIn = (setting?: Setting) =>
      ask({ case: "checkAuthentication", value: { host: host.host } }, setting);
    serve({ [`${api}/user`]: { body: { login: "ada" } } });
    expect(await signedIn()).toMatchObject({
      value: { authenticated: true, scmId: "github", scmName: "GitHub" },
    });
    expect(await signedIn({ token: null })).toMatchObject({
      value: { supportsPat: { requiredScopes: ["repo", "read:user", "user:email", "workflow"] } },
    });
    serve({ [`${api}/user`]: { status: 401, body: { message: "Bad credentials" } } });
    expect(await signedIn()).not.toMatchObject({ value: { authenticated: true } });
  });
});

test.each([
  ["401", { status: 401 }, refused(9, expect.stringContaining("git authentication failed"))],
  ["429", { status: 429 }, refused(8)],
  ["its limits used up", { status: 403, headers: { "x-ratelimit-remaining": "0" } }, refused(8)],
  ["500", { status: 500 }, refused(14)],
  [
    "more than 1 MiB",
    { body: `"${"x".repeat(1024 * 1024)}"` },
    refused(14, expect.stringContaining("more than")),
  ],
  [
    "a redirect into the network",
    { status: 301, headers: { location: "https://169.254.169.254/latest/meta-data" } },
    refused(14, expect.stringContaining("redirects to another host")),
  ],
  [
    "a redirect to plain http",
    { status: 301, headers: { location: "http://127.0.0.1/acme" } },
    refused(14, expect.stringContaining("without TLS")),
  ],
  ["a redirect in a circle", { status: 301, headers: { location: "/again" } }, refused(14)],
  [
    "403",
    { status: 403 },
    { case: "checkRepository", value: { errorMessage: expect.stringContaining("forbids") } },
  ],
  [
    "404",
    { status: 404 },
    { case: "checkRepository", value: { errorMessage: expect.stringContaining("no such") } },
  ],
  ["success", { body: {} }, { case: "checkRepository", value: { hasAccess: true } }],
] as const)("a host that answers with %s", async (_name, reply, expected) => {
  host.reply = () => reply;
  expect(await check()).toMatchObject(expected);
});

test("follows a redirect of the host to itself: repositories are renamed", async () => {
  host.reply = ({ path }) =>
    path === "/api/v3/repos/acme/tool"
      ? { status: 301, headers: { location: "/api/v3/repositories/1" } }
      : {};
  expect(await check()).toMatchObject({ value: { hasAccess: true } });
});

test("asks for a sign-in, and says where, when a stranger sees nothing", async () => {
  expect(await parse("/acme/tool", { token: null })).toMatchObject({
    case: "error",
    value: {
      code: 9,
      message: `missing authentication token for ${host.host}`,
      details: {
        scmId: "github",
        authenticationRequiredUrl: expect.stringContaining("/settings/tokens/new"),
      },
    },
  });
  expect(host.seen[0]?.headers.authorization).toBeUndefined();
});

test("asks no host that is none of the integrations", async () => {
  const link = { case: "parse", value: { contextUrl: "https://elsewhere.example/acme/tool" } } as const;
  expect(await ask(link)).toMatchObject(refused(3));
  expect(host.seen).toEqual([]);
});

test("a host that cannot be reached is told without more than a code", async () => {
  const gone = await scmHost(host.certificate);
  await gone.close();
  const known = {
    spec: { host: gone.host, virtualDirectory: "" },
    scmId: "github",
    pat: true,
    credential: null,
  };
  const { ask: asked } = create(QuestionSchema, {
    ask: { case: "checkRepository", value: { repositoryUrl: `https://${gone.host}/a/b` } },
  });
  const http = new HostHttp(agent);
  expect(await answerQuestion(asked, { http, hosts: [known], signal: new AbortController().signal })).toEqual(
    {
      case: "error",
      value: { code: 14, message: `${gone.host} cannot be reached: ECONNREFUSED` },
    },
  );
});

describe("GitLab", () => {
  const gitlab = { scmId: "gitlab" };
  const project = "/api/v4/projects/group%2Fsub%2Ftool";

  test("resolves a merge request, and lists with the pages of its headers", async () => {
    host.reply = ({ path, query }) => {
      if (path === project)
        return { body: { http_url_to_repo: url("/group/sub/tool.git"), default_branch: "main" } };
      if (path === `${project}/merge_requests/3`) {
        return {
          body: {
            title: "Mend",
            state: "opened",
            source_branch: "mend",
            target_branch: "main",
            sha: "abc",
            source_project_id: 1,
            target_project_id: 1,
          },
        };
      }
      if (path === "/api/v4/projects") {
        const headers = {
          "x-next-page": query.get("page") === "1" ? "2" : "",
          "x-total-pages": "2",
          "x-total": "3",
        };
        return { headers, body: [{ path_with_namespace: "group/tool", web_url: url("/group/tool") }] };
      }
      if (path !== "/api/v4/groups") return undefined;
      return {
        headers: { "x-next-page": "" },
        body: [{ full_path: "group/sub", web_url: url("/groups/group/sub") }],
      };
    };
    expect(await parse("/group/sub/tool/-/merge_requests/3", gitlab)).toMatchObject({
      value: { git: { owner: "group/sub", branch: "mend", commit: "abc" }, pullRequest: { title: "Mend" } },
    });
    expect(host.seen[0]?.headers["private-token"]).toBe("secret");
    const search = ask({ case: "search", value: { pagination: { pageSize: 2 } } }, gitlab);
    expect(await search).toMatchObject({ value: { pagination: { nextToken: "2/2/3" } } });
    const groups = ask({ case: "organizations", value: { scmHost: host.host, query: "sub" } }, gitlab);
    expect(await groups).toMatchObject({ value: { organizations: [{ name: "group/sub" }] } });
    expect(host.seen.at(-1)?.query.get("search")).toBe("sub");
  });
});

describe("Bitbucket", () => {
  const bitbucket = { scmId: "bitbucket" };

  test("searches each workspace, and resolves a pull request of a fork", async () => {
    serve({
      "/2.0/user/workspaces": { body: { values: [{ workspace: { slug: "acme" } }] } },
      "/2.0/repositories/acme": {
        body: {
          next: "more",
          values: [{ full_name: "acme/tool", links: { html: { href: url("/acme/tool") } } }],
        },
      },
      "/2.0/repositories/acme/tool": { body: { full_name: "acme/tool", mainbranch: { name: "main" } } },
      "/2.0/repositories/acme/tool/pullrequests/4": {
        body: {
          title: "Mend",
          state: "OPEN",
          source: {
            branch: { name: "mend" },
            commit: { hash: "abc" },
            repository: { full_name: "ada/tool" },
          },
          destination: { branch: { name: "main" }, repository: { full_name: "acme/tool" } },
        },
      },
    });
    const search = ask(
      { case: "search", value: { searchString: 'a"b', pagination: { pageSize: 1 } } },
      bitbucket,
    );
    expect(await search).toMatchObject({
      value: { repositories: [{ name: "acme/tool" }], pagination: { nextToken: "2/-1/-1" } },
    });
    expect(host.seen.at(-1)?.query.get("q")).toBe('name ~ "a\\"b"');
    expect(await parse("/acme/tool/pull-requests/4", bitbucket)).toMatchObject({
      value: {
        git: { cloneUrl: url("/ada/tool.git"), upstreamRemoteUrl: url("/acme/tool.git"), branch: "mend" },
      },
    });
  });
});

describe("Azure DevOps", () => {
  const azure = { scmId: "azuredevops_server", path: "/acme" };
  const repository = "/acme/Project/_apis/git/repositories/tool";

  test("resolves a branch by its ref, sends the token as a password, and takes 203 for signed out", async () => {
    serve({
      [repository]: { body: { webUrl: url("/acme/Project/_git/tool"), defaultBranch: "refs/heads/main" } },
      [`${repository}/refs`]: { body: { value: [{ name: "refs/heads/feature/a" }] } },
      "/acme/_apis/projects": { body: { value: [{ name: "Project" }] } },
    });
    expect(await parse("/acme/Project/_git/tool?version=GBfeature/a", azure)).toMatchObject({
      value: { git: { branch: "feature/a", owner: "acme/Project", repo: "tool", host: host.host } },
    });
    expect(host.seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from(":secret").toString("base64")}`);
    const projects = ask({ case: "organizations", value: { scmHost: `${host.host}/acme` } }, azure);
    expect(await projects).toMatchObject({ value: { organizations: [{ name: "Project" }] } });
    host.reply = () => ({ status: 203, body: "<html>sign in</html>" });
    expect(await parse("/acme/Project/_git/tool", azure)).toMatchObject(refused(9));
  });
});
