import type { MessageInitShape } from "@bufbuild/protobuf";
import { SearchMode } from "../../../gen/gitpod/v1/runner_pb.js";
import type { AnswerQuestionRequestSchema, Question } from "../../../gen/rollcall/v1/agent_pb.js";
import { scmApi } from "./api.ts";
import { type HostHttp, HttpFailure } from "./http.ts";
import {
  type Credential,
  type HostSpec,
  type ScmApi,
  type ScmKind,
  type ScmLink,
  ScmRefusal,
} from "./kind.ts";
import { readLink, scmKinds } from "./kinds.ts";
import { resolveLink } from "./resolve.ts";

export type Outcome = NonNullable<MessageInitShape<typeof AnswerQuestionRequestSchema>["outcome"]>;

/** A source-code host of the runner, and the asker's credential for it, opened. */
export interface KnownHost {
  readonly spec: HostSpec;
  readonly scmId: string;
  readonly pat: boolean;
  /** Null: the asker is not signed in, or no more. */
  readonly credential: Credential | null;
}

export interface AnswerOptions {
  readonly http: Pick<HostHttp, "get">;
  readonly hosts: readonly KnownHost[];
  readonly signal: AbortSignal;
}

/** Answers a question by asking source-code hosts. Never rejects: what goes wrong is an answer too. */
export async function answerQuestion(ask: Question["ask"], options: AnswerOptions): Promise<Outcome> {
  try {
    return await answer(ask, options);
  } catch (error) {
    if (error instanceof ScmRefusal) return refusal(error, ask, options.hosts);
    const message = error instanceof HttpFailure ? error.message : "the agent failed to ask the host";
    return { case: "error", value: { code: 14, message } };
  }
}

function refusal({ code, message }: ScmRefusal, ask: Question["ask"], hosts: readonly KnownHost[]): Outcome {
  if (code !== 9 || ask.case !== "parse") return { case: "error", value: { code, message } };
  const [found] = hostsOf(hosts, ask.value.contextUrl);
  if (found === undefined) return { case: "error", value: { code, message } };
  const { createUrl } = found.kind.tokenHelp(found.host.spec);
  const details = { authenticationRequiredUrl: createUrl, scmId: found.host.scmId };
  return { case: "error", value: { code, message, details } };
}

async function answer(ask: Question["ask"], options: AnswerOptions): Promise<Outcome> {
  switch (ask.case) {
    case "parse": {
      const { host, kind, link } = found(options.hosts, ask.value.contextUrl);
      const value = await resolveLink(kind, apiOf(host, kind, options), link);
      return { case: "parse", value: { ...value, scmId: host.scmId } };
    }
    case "checkRepository": {
      const { host, kind, link } = found(options.hosts, ask.value.repositoryUrl);
      return { case: "checkRepository", value: await access(kind, apiOf(host, kind, options), link) };
    }
    case "checkAuthentication":
      return { case: "checkAuthentication", value: await authentication(ask.value.host, options) };
    case "organizations": {
      const host = named(options.hosts, ask.value.scmHost);
      if (host.credential === null) throw signInFirst(host);
      const { query: text, pagination } = ask.value;
      const token = pagination?.token ?? "";
      if (!/^\d{0,6}$/.test(token)) throw new ScmRefusal(3, "the page token is none of this host");
      const page = await kindOf(host).organizations(apiOf(host, kindOf(host), options), {
        text,
        token,
        size: pagination?.pageSize ?? 25,
      });
      return {
        case: "organizations",
        value: { organizations: [...page.organizations], pagination: { nextToken: page.nextToken } },
      };
    }
    case "search":
      return { case: "search", value: await search(ask.value, options) };
    case "validate":
      return { case: "error", value: { code: 12, message: "this agent does not try out configurations" } };
    default:
      return { case: "error", value: { code: 12, message: "this agent knows no such question" } };
  }
}

async function access(kind: ScmKind, api: ScmApi, link: ScmLink) {
  try {
    if ((await kind.repository(api, link)) !== null) return { hasAccess: true };
    if (!api.hasToken) throw new ScmRefusal(9, `missing authentication token for ${api.host.host}`);
    return { errorMessage: `there is no such repository on ${api.host.host}, or not for this token` };
  } catch (error) {
    if (error instanceof ScmRefusal && error.code === 7) return { errorMessage: error.message };
    throw error;
  }
}

async function authentication(asked: string, options: AnswerOptions) {
  const host = named(options.hosts, asked);
  const kind = kindOf(host);
  const supportsPat = host.pat && { supportsPat: kind.tokenHelp(host.spec) };
  const facts = { scmId: host.scmId, scmName: kind.name, ...supportsPat };
  if (host.credential === null) return facts;
  try {
    return { ...facts, authenticated: await kind.isSignedIn(apiOf(host, kind, options)) };
  } catch (error) {
    if (error instanceof ScmRefusal && (error.code === 9 || error.code === 7)) return facts;
    throw error;
  }
}

async function search(
  request: Extract<Question["ask"], { case: "search" }>["value"],
  options: AnswerOptions,
) {
  const { scmHost, searchString: text, pagination } = request;
  const size = pagination?.pageSize ?? 25;
  const page = Number(/^\d+/.exec(pagination?.token ?? "")?.[0] ?? 1);
  const native = request.searchMode === SearchMode.NATIVE;
  const signedIn = options.hosts.filter(({ credential }) => credential !== null);
  const asked = scmHost === "" ? signedIn : [named(options.hosts, scmHost)];
  const pages = [];
  for (const host of asked) {
    const kind = kindOf(host);
    pages.push(await kind.search(apiOf(host, kind, options), { text, native, page, size }));
  }
  const [only] = pages;
  const repositories = pages.flatMap((one) => one.repositories).slice(0, size);
  const nextPage = Math.max(0, ...pages.map((one) => one.nextPage));
  const totals = pages.length === 1 && only ? `${only.totalPages}/${only.totalCount}` : "-1/-1";
  return { repositories, pagination: { nextToken: nextPage === 0 ? "" : `${nextPage}/${totals}` } };
}

function apiOf({ spec, credential }: KnownHost, kind: ScmKind, { http, signal }: AnswerOptions): ScmApi {
  return scmApi({ http, kind, host: spec, credential, signal });
}

function kindOf({ scmId }: KnownHost): ScmKind {
  const kind = scmKinds[scmId];
  if (kind === undefined) throw new ScmRefusal(12, `this agent cannot ask hosts of the kind ${scmId}`);
  return kind;
}

/** The host of an integration that is the one asked for: of those that cover it the one with the longest name. */
function named(hosts: readonly KnownHost[], asked: string): KnownHost {
  const key = keyOf(asked);
  const covering = hosts.filter(
    ({ spec }) => key === keyOf(spec.host) || key.startsWith(`${keyOf(spec.host)}/`),
  );
  const [longest] = covering.sort((a, b) => b.spec.host.length - a.spec.host.length);
  if (longest === undefined)
    throw new ScmRefusal(9, `the SCM integration for host ${asked} is not configured`);
  return longest;
}

function keyOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:443(?=\/|$)/, "")
    .replace(/\/$/, "");
}

function hostsOf(hosts: readonly KnownHost[], text: string) {
  return hosts
    .flatMap((host) => {
      const kind = scmKinds[host.scmId];
      const link = kind && readLink(kind, host.spec, text);
      return kind && link ? [{ host, kind, link }] : [];
    })
    .sort((a, b) => b.host.spec.host.length - a.host.spec.host.length);
}

function found(hosts: readonly KnownHost[], text: string) {
  const [first] = hostsOf(hosts, text);
  if (first === undefined)
    throw new ScmRefusal(3, "the address is none of a repository or of something in one");
  return first;
}

function signInFirst({ spec }: KnownHost): ScmRefusal {
  return new ScmRefusal(9, `missing authentication token for ${spec.host}`);
}
