import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { PullRequest } from "../../../gen/gitpod/v1/agent_pb.js";
import type { ParseContextURLResponse, RunnerService } from "../../../gen/gitpod/v1/runner_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import { runnerScope } from "../../domain/access/runners.ts";
import { DomainError, invalidField } from "../../domain/errors.ts";
import { notConfigured } from "../../domain/host-tokens/host-token.ts";
import { defaultPageSize, largestPage } from "../../domain/paging/cursor.ts";
import { isLinkOf, linkHost, parseLink } from "../../domain/questions/link.ts";
import { answeredBadly, questionMs, refuseInactive } from "../../domain/questions/question.ts";
import type { Runner } from "../../domain/runners/runner.ts";
import { covers, hostKey } from "../../domain/scm-integrations/host.ts";
import type { ScmIntegration } from "../../domain/scm-integrations/scm-integration.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { Questions } from "../../fleet/questions.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { type Answered, type Asked, type AskedCall, answerOf, kindOf } from "../messages/question.ts";
import { sealForRunner } from "../messages/sealed.ts";
import { HostAccesses } from "./host-access.ts";
import { readableRunner } from "./runner-access.ts";

type HostMethods =
  | "parseContextURL"
  | "searchRepositories"
  | "listSCMOrganizations"
  | "checkAuthenticationForHost"
  | "checkRepositoryAccess";

export interface AskerDeps {
  readonly store: Store;
  readonly registry: RunnerRegistry;
  readonly questions: Questions<Asked, Answered>;
  readonly secrets: SecretBox;
  readonly clock: Clock;
}

interface Candidate {
  readonly runner: Runner;
  /** Whether the caller has a credential there that has not expired. */
  readonly signedIn: boolean;
}

/** How many runners are asked about a link that names none. */
const candidatesAtMost = 5;
/** How many integrations are looked through for those of a link's host. */
const integrationsAtMost = 1000;

/** The part of `gitpod.v1.RunnerService` that only a runner can answer: the server has neither its network nor its keys. */
export function sourceCodeHosts(deps: AskerDeps): Pick<ServiceImpl<typeof RunnerService>, HostMethods> {
  const { store, clock } = deps;
  const hosts = new HostAccesses(deps);
  const ask = asker(deps, hosts);

  /** @throws DomainError SCM_INTEGRATION_NOT_CONFIGURED */
  async function refuseUnknownHost(runner: Runner, host: string): Promise<void> {
    const key = hostKey(host);
    const known = await hosts.integrations(runner);
    if (!known.some((one) => covers(one.hostKey, key))) throw notConfigured(host);
  }

  /** @throws DomainError SCM_INTEGRATION_NOT_CONFIGURED */
  async function refuseForeignLink(runner: Runner, link: URL): Promise<void> {
    const known = await hosts.integrations(runner);
    if (!known.some((one) => isLinkOf(link, one.hostKey))) throw notConfiguredFor(link);
  }

  async function parsed(
    caller: Caller,
    runner: Runner,
    contextUrl: string,
    context: HandlerContext,
    timeMs: number,
  ): Promise<ParseContextURLResponse> {
    const value = { $typeName: "gitpod.v1.ParseContextURLRequest" as const, runnerId: runner.id, contextUrl };
    const answer = answerOf(await ask(caller, runner, { case: "parse", value }, context, timeMs), "parse");
    return {
      ...answer,
      originalContextUrl: contextUrl,
      projectIds: [],
      recommendedEnvironmentClasses: await classesOf(runner),
      ...(answer.pullRequest && { pr: earlierPullRequest(answer.pullRequest) }),
    };
  }

  /** The classes of a runner that can be used, in the order in which they were made. */
  async function classesOf({ id, organizationId }: Runner): Promise<string[]> {
    const scope = { organizationId, onlyId: id, visibleTo: null };
    const filter = { runnerIds: [id], enabled: true, kinds: [], providers: [] };
    const { rows } = await store.environmentClasses.list(scope, filter, { limit: largestPage, after: null });
    return rows.map((one) => one.id).reverse();
  }

  /** Asks one runner after the other, those that the caller is signed in on first; the first answer counts. */
  async function parsedByAny(caller: Caller, link: URL, contextUrl: string, context: HandlerContext) {
    const ranked = await candidatesFor(caller, link);
    const candidates = ranked.slice(0, candidatesAtMost).map(({ runner }) => runner);
    if (candidates.length === 0) throw notConfiguredFor(link);
    const until = clock.monotonic() + questionMs(context.timeoutMs());
    const failures: { readonly runner: Runner; readonly error: unknown }[] = [];
    for (const runner of candidates) {
      try {
        const answer = await parsed(caller, runner, contextUrl, context, until - clock.monotonic());
        // Best first: after those of the runner that answered, those of others where the caller is signed in.
        for (const other of ranked) {
          if (!other.signedIn || other.runner === runner) continue;
          if (answer.recommendedEnvironmentClasses.length >= largestPage) break;
          answer.recommendedEnvironmentClasses.push(...(await classesOf(other.runner)));
        }
        return answer;
      } catch (error) {
        context.signal.throwIfAborted();
        failures.push({ runner, error });
        if (clock.monotonic() >= until) break;
      }
    }
    throw oneOf(failures);
  }

  /** Those that can be asked about a link, in the order in which to ask them. */
  async function candidatesFor(caller: Caller, link: URL): Promise<readonly Candidate[]> {
    const found = new Map<string, ScmIntegration>();
    for (let after: string | null = null, seen = 0; seen < integrationsAtMost; ) {
      const page = { limit: largestPage, after };
      const { rows, more } = await store.scmIntegrations.list(runnerScope(caller), [], page);
      for (const one of rows) if (isLinkOf(link, one.hostKey)) found.set(one.runnerId, one);
      seen += rows.length;
      after = rows.at(-1)?.id ?? null;
      if (!more) break;
    }
    const ranked: Candidate[] = [];
    for (const [runnerId, integration] of found) {
      const runner = await store.runners.get(caller.organizationId, runnerId);
      if (runner === null || !(await isActive(deps, runner))) continue;
      const tokens = await hosts.tokens(runner, caller);
      const signedIn = tokens.some(
        ({ integrationId, expiresAt }) =>
          integrationId === integration.id && (expiresAt ?? Number.POSITIVE_INFINITY) > clock.now(),
      );
      ranked.push({ runner, signedIn });
    }
    return ranked.sort(
      (a, b) => Number(b.signedIn) - Number(a.signedIn) || (a.runner.id < b.runner.id ? 1 : -1),
    );
  }

  return {
    async parseContextURL({ runnerId, contextUrl }, context) {
      const caller = callerOf(context);
      const link = parseLink("context_url", contextUrl);
      if (runnerId === "") return parsedByAny(caller, link, contextUrl, context);
      const runner = await readableRunner(store, caller, runnerId);
      await refuseIdle(deps, runner);
      await refuseForeignLink(runner, link);
      return parsed(caller, runner, contextUrl, context, questionMs(context.timeoutMs()));
    },

    async searchRepositories(request, context) {
      const caller = callerOf(context);
      const token = request.pagination?.token ?? "";
      if (token !== "" && pagesOf(token) === null) throw notAPage();
      const runner = await readableRunner(store, caller, request.runnerId);
      await refuseIdle(deps, runner);
      if (request.scmHost !== "") await refuseUnknownHost(runner, request.scmHost);
      const pageSize = request.pagination?.pageSize || request.limit || defaultPageSize;
      const value = {
        ...request,
        runnerId: runner.id,
        pagination: { $typeName: "gitpod.v1.PaginationRequest" as const, pageSize, token },
      };
      const answered = await ask(caller, runner, { case: "search", value }, context);
      const answer = answerOf(answered, "search");
      const nextToken = answer.pagination?.nextToken ?? "";
      const pages = pagesOf(nextToken);
      if (nextToken !== "" && pages === null)
        throw answeredBadly("search.pagination.next_token: has another form");
      const lastPage = Math.max(pages?.total ?? 0, 0);
      return { repositories: answer.repositories, pagination: { nextToken }, lastPage };
    },

    async listSCMOrganizations(request, context) {
      const caller = callerOf(context);
      const runner = await readableRunner(store, caller, request.runnerId);
      await refuseIdle(deps, runner);
      await refuseUnknownHost(runner, request.scmHost);
      const pageSize = request.pagination?.pageSize || defaultPageSize;
      const token = request.pagination?.token ?? "";
      const value = {
        ...request,
        runnerId: runner.id,
        pagination: { $typeName: "gitpod.v1.PaginationRequest" as const, pageSize, token },
      };
      const answered = await ask(caller, runner, { case: "organizations", value }, context);
      const { organizations, pagination } = answerOf(answered, "organizations");
      return { organizations, pagination: { nextToken: pagination?.nextToken ?? "" } };
    },

    async checkAuthenticationForHost(request, context) {
      const caller = callerOf(context);
      const runner = await readableRunner(store, caller, request.runnerId);
      await refuseIdle(deps, runner);
      await refuseUnknownHost(runner, request.host);
      const value = { ...request, runnerId: runner.id };
      const answered = await ask(caller, runner, { case: "checkAuthentication", value }, context);
      const answer = answerOf(answered, "checkAuthentication");
      return {
        ...answer,
        authenticationUrl: answer.supportsOauth2?.authUrl ?? "",
        patSupported: answer.supportsPat !== undefined,
      };
    },

    async checkRepositoryAccess(request, context) {
      const caller = callerOf(context);
      const link = parseLink("repository_url", request.repositoryUrl);
      const runner = await readableRunner(store, caller, request.runnerId);
      await refuseIdle(deps, runner);
      await refuseForeignLink(runner, link);
      const value = { ...request, runnerId: runner.id };
      return answerOf(
        await ask(caller, runner, { case: "checkRepository", value }, context),
        "checkRepository",
      );
    },
  };
}

/** Asks a runner in the name of a caller. */
export type Ask = (
  caller: Caller,
  runner: Runner,
  call: AskedCall,
  context: Pick<HandlerContext, "timeoutMs" | "signal">,
  timeMs?: number,
) => Promise<Answered>;

/** @returns what asks, and throws DomainError for a runner without a key when it would have to get a credential */
export function asker({ questions }: Pick<AskerDeps, "questions">, hosts: HostAccesses): Ask {
  return async (caller, runner, call, context, timeMs = questionMs(context.timeoutMs())) => {
    const tokens = await hosts.tokens(runner, caller);
    // Refuses with the words that clients know.
    if (tokens.length > 0) sealForRunner(runner.report.publicKey, "anything");
    return questions.ask({
      runnerId: runner.id,
      kind: kindOf(call),
      asker: { id: caller.id, principal: caller.principal },
      ask: { call, caller },
      timeMs,
      signal: context.signal,
    });
  };
}

/** @throws DomainError RUNNER_NOT_ACTIVE */
export async function refuseIdle({ registry }: Pick<AskerDeps, "registry">, runner: Runner): Promise<void> {
  refuseInactive((await registry.observe(runner)).phase);
}

async function isActive(deps: Pick<AskerDeps, "registry">, runner: Runner): Promise<boolean> {
  try {
    await refuseIdle(deps, runner);
    return true;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}

/** Of all failures the one that the caller can do most about: to sign in, on any of the runners that ask for it. */
function oneOf(failures: readonly { readonly runner: Runner; readonly error: unknown }[]): unknown {
  const asking = failures.filter(({ error }) => error instanceof DomainError && error.signIn !== undefined);
  const [first] = asking;
  if (!(first?.error instanceof DomainError) || first.error.signIn === undefined) return failures[0]?.error;
  const { kind, message, reason, signIn } = first.error;
  const runnerIds = asking.map(({ runner }) => runner.id);
  return new DomainError(kind, message, {
    ...(reason !== undefined && { reason }),
    signIn: { ...signIn, runnerIds },
  });
}

/** In the words that people find in the documentation of such runners. */
function notConfiguredFor(link: URL): DomainError {
  const { message, reason } = notConfigured(linkHost(link));
  return new DomainError(
    "failed_precondition",
    `this link requires authentication with Source Control - ${message}`,
    reason === undefined ? {} : { reason },
  );
}

/** Replaced in the contract by the longer message; old clients read it still. */
function earlierPullRequest({ id, title, fromBranch, toBranch }: PullRequest) {
  const $typeName = "gitpod.v1.ParseContextURLResponse.PullRequest" as const;
  return { $typeName, id, title, fromBranch, toBranch };
}

/** Page tokens of a search say which page is next, and how many pages and results there are; -1 is unknown. */
function pagesOf(token: string): { readonly next: number; readonly total: number } | null {
  const [, next, total] = /^(\d{1,9})\/(-1|\d{1,9})\/(-1|\d{1,15})$/.exec(token) ?? [];
  return next === undefined ? null : { next: Number(next), total: Number(total) };
}

function notAPage(): DomainError {
  return invalidField(
    "pagination.token",
    "question.search.token",
    "must be the next_token of an earlier answer: NEXT_PAGE/TOTAL_PAGES/TOTAL_COUNT",
  );
}
