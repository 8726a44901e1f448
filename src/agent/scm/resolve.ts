import type { MessageInitShape } from "@bufbuild/protobuf";
import { PullRequest_State } from "../../../gen/gitpod/v1/agent_pb.js";
import type { ParseContextURLResponseSchema } from "../../../gen/gitpod/v1/runner_pb.js";
import {
  type PullFacts,
  type RepositoryFacts,
  type ScmApi,
  type ScmKind,
  type ScmLink,
  ScmRefusal,
} from "./kind.ts";

const states = {
  open: PullRequest_State.OPEN,
  closed: PullRequest_State.CLOSED,
  merged: PullRequest_State.MERGED,
} as const;

/** The longest branch name that is looked for behind `tree/`, in segments. */
const refSegmentsAtMost = 8;

/**
 * What a link leads to, as the host knows it.
 * @throws ScmRefusal for what is not there
 */
export async function resolveLink(
  kind: ScmKind,
  api: ScmApi,
  link: ScmLink,
): Promise<MessageInitShape<typeof ParseContextURLResponseSchema>> {
  const { owner, repo, target } = link;
  const facts = await kind.repository(api, link);
  if (facts === null) throw notThere(api, "the repository");
  const git = { ...gitOf(kind, api, link, facts), branch: facts.defaultBranch };
  switch (target.kind) {
    case "repository":
      return { git };
    case "commit":
      if (!(await kind.hasRef(api, link, "commit", target.hash))) throw notThere(api, "the commit");
      return { git: { ...git, branch: "", commit: target.hash } };
    case "ref":
      return { git: { ...git, branch: "", ...(await refOf(kind, api, link, target)) } };
    case "issue": {
      const issue = await kind.issue(api, link, target.id);
      if (issue === null) throw notThere(api, "the issue");
      return { git, issue: { id: target.id, title: issue.title } };
    }
    case "pull": {
      const pull = await kind.pull(api, link, target.id);
      if (pull === null) throw notThere(api, "the pull request");
      const fork = pull.headCloneUrl;
      return {
        git: {
          ...git,
          branch: pull.fromBranch,
          commit: pull.headSha,
          ...(fork !== "" && { cloneUrl: fork, upstreamRemoteUrl: git.cloneUrl }),
        },
        pullRequest: pullMessage(pull, target.id, {
          cloneUrl: git.cloneUrl,
          host: git.host,
          owner,
          name: repo,
        }),
      };
    }
    default:
      return target satisfies never;
  }
}

function pullMessage(
  pull: PullFacts,
  id: string,
  repository: { cloneUrl: string; host: string; owner: string; name: string },
) {
  const { title, fromBranch, toBranch, url, author, draft, headSha } = pull;
  return {
    id,
    title,
    fromBranch,
    toBranch,
    url,
    author,
    draft,
    headSha,
    state: states[pull.state],
    repository,
  };
}

function gitOf(kind: ScmKind, api: ScmApi, link: ScmLink, facts: RepositoryFacts) {
  const { owner, repo } = link;
  const cloneUrl = facts.cloneUrl || kind.cloneUrl(api.host, link);
  return {
    cloneUrl,
    host: api.host.host.replace(/\/.*$/, ""),
    owner,
    repo,
    upstreamRemoteUrl: facts.upstreamUrl,
  };
}

/** Names of branches have slashes, and the path of a file may follow: the shortest name that exists is the one. */
async function refOf(
  kind: ScmKind,
  api: ScmApi,
  link: ScmLink,
  { path, named }: Extract<ScmLink["target"], { kind: "ref" }>,
): Promise<{ branch?: string; tag?: string; commit?: string }> {
  if (named !== undefined) {
    const name = path.join("/");
    if (!(await kind.hasRef(api, link, named, name))) throw notThere(api, `the ${named}`);
    return { [named]: name };
  }
  // Git keeps no branch a/b beside a branch a: of all prefixes one at most exists.
  for (let length = 1; length <= Math.min(path.length, refSegmentsAtMost); length += 1) {
    const name = path.slice(0, length).join("/");
    if (await kind.hasRef(api, link, "branch", name)) return { branch: name };
  }
  const [first = ""] = path;
  if (/^[0-9a-f]{7,64}$/i.test(first) && (await kind.hasRef(api, link, "commit", first)))
    return { commit: first };
  for (let length = 1; length <= Math.min(path.length, refSegmentsAtMost); length += 1) {
    const name = path.slice(0, length).join("/");
    if (await kind.hasRef(api, link, "tag", name)) return { tag: name };
  }
  throw notThere(api, "the branch, tag or commit");
}

/** A host says "not there" of what a stranger may not know of, too. */
function notThere({ hasToken, host }: ScmApi, what: string): ScmRefusal {
  if (!hasToken) return new ScmRefusal(9, `missing authentication token for ${host.host}`);
  return new ScmRefusal(5, `${what} is not on ${host.host}, or not for this token`);
}
