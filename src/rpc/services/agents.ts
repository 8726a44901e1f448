import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type AnswerQuestionRequest,
  type RunnerAgentService,
  type WatchRegistrationResponse,
  WatchRegistrationResponseSchema,
} from "../../../gen/rollcall/v1/agent_pb.js";
import { type Caller, isRunner } from "../../domain/access/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import { RefusalReason, refusalError } from "../../domain/leases/refusal.ts";
import { usableToken } from "../../domain/tokens/access-token.ts";
import type { SecretBox } from "../../domain/tokens/seal.ts";
import { hashToken } from "../../domain/tokens/token.ts";
import type { AgentStream, WatchNews } from "../../fleet/agent-streams.ts";
import type { RunnerRegistry } from "../../fleet/fleet.ts";
import type { RunnerIdentity } from "../../fleet/known-runners.ts";
import type { OpenQuestion, Questions } from "../../fleet/questions.ts";
import { after } from "../../lib/awaitable.ts";
import type { Clock } from "../../lib/clock.ts";
import type { IdSource } from "../../lib/ids.ts";
import type { Store } from "../../store/store.ts";
import { bearer, callerOf } from "../call/context.ts";
import { refusePeople } from "../call/method-rights.ts";
import {
  type Answered,
  type Asked,
  questionMessage,
  readAnswer,
  readQuestionError,
} from "../messages/question.ts";
import { metricSample, reported, signOffReason } from "../messages/report.ts";
import { wantedSpec } from "../messages/runner.ts";
import { HostAccesses } from "./host-access.ts";
import { runnerConfiguration } from "./runner-configuration.ts";
import { storeSignIn } from "./sign-ins.ts";

/** How often a runner should push its metrics, in milliseconds. */
const reportAfterMs = 30_000;

/** The notice after a report with another public key than the last one. */
const keyReplaced =
  "public_key: secrets that were sealed to the earlier key cannot be read; they have to be set again";

export interface AgentServiceDeps {
  readonly store: Store;
  readonly registry: RunnerRegistry;
  readonly questions: Questions<Asked, Answered>;
  readonly secrets: SecretBox;
  readonly clock: Clock;
  readonly newId: IdSource;
}

/** `rollcall.v1.RunnerAgentService`: what runners call, each for itself alone. */
export function agentService(deps: AgentServiceDeps): ServiceImpl<typeof RunnerAgentService> {
  const { store, registry, questions, secrets, clock } = deps;
  const hosts = new HostAccesses(deps);
  return {
    renewRegistration(request, context) {
      const who = runnerOf(context, request.runnerId);
      const report = request.status && reported(request.status);
      const opens = request.generation === 0;
      const renewed = registry.renew(
        who,
        {
          generation: request.generation,
          appliedSpecRevision: request.appliedSpecRevision,
          phase: report?.phase,
          digest: report?.digest,
        },
        // What an earlier process complained about is over.
        {
          report: opens ? { message: "", ...report?.change } : report?.change,
          configuration: report?.configuration,
        },
      );
      return after(renewed, (answer) => ({
        generation: answer.generation,
        renewAfter: durationFromMs(Math.round(answer.renewAfterMs)),
        lease: durationFromMs(Math.round(answer.leaseMs)),
        intervalStretchPercent: answer.stretchPercent,
        configurationRevision: answer.configurationRevision,
        ...(report && {
          notices: answer.keyReplaced ? [...report.notices, keyReplaced] : [...report.notices],
        }),
        ...(answer.wanted && { wanted: wantedSpec(answer.wanted, secrets) }),
        ...(answer.windDownMs !== null && windDown(answer.windDownMs)),
      }));
    },

    async *watchRegistration(request, context) {
      const who = runnerOf(context, request.runnerId);
      const token = hashToken(bearer(context.requestHeader.get("authorization")));
      const watcher = await registry.watch(who, request.generation, request.appliedSpecRevision, token);
      questions.opened(watcher, request.answers);
      try {
        while (!context.signal.aborted) {
          const pending = await watcher.next(context.signal);
          // A token that was revoked a moment ago must not see another secret.
          usableToken(await store.tokens.findAccessToken(token), clock.now());
          for (const news of pending) yield* watchEvents(who, watcher, news);
        }
      } finally {
        registry.agentStreams.remove(watcher);
        questions.closed(watcher);
      }
    },

    async signOff(request, context) {
      const who = runnerOf(context, request.runnerId);
      const { text, notices } = signOffReason(request.reason);
      await registry.signOff(who, request.generation, text);
      return { notices: [...notices] };
    },

    async reportRunnerMetrics(request, context) {
      const who = runnerOf(context, request.runnerId);
      await registry.report(who, request.generation, request.samples.map(metricSample));
      return { reportAfter: durationFromMs(reportAfterMs) };
    },

    async answerQuestion(request, context) {
      const who = runnerOf(context, request.runnerId);
      await registry.admit(who, request.generation);
      const question = questions.find(who.id, request.questionId.toLowerCase());
      if (question !== undefined) hear(question, request);
      return {};
    },

    async getRunnerConfiguration(request, context) {
      const who = runnerOf(context, request.runnerId);
      await registry.admit(who, request.generation);
      return runnerConfiguration(store, who);
    },

    async storeHostToken(request, context) {
      const who = runnerOf(context, request.runnerId);
      await registry.admit(who, request.generation);
      return { id: await storeSignIn(deps, callerOf(context), request) };
    },
  };

  /** @throws DomainError `invalid` for an answer that is of no use to who asked, who is told as much */
  function hear(question: OpenQuestion<Asked>, request: AnswerQuestionRequest): void {
    try {
      const { outcome } = request;
      if (outcome.case === "error") {
        questions.fail(question, "refused", readQuestionError(outcome.value, question.kind));
      } else questions.answer(question, readAnswer(request, question.ask.call));
    } catch (error) {
      questions.fail(question, "answered_badly", error);
      if (error instanceof DomainError)
        throw new DomainError("invalid", error.message, { reason: "ANSWER_UNUSABLE" });
      throw error;
    }
  }

  async function* askOn(who: RunnerIdentity, watcher: AgentStream): AsyncIterable<WatchRegistrationResponse> {
    const { asked, withdrawn } = questions.take(watcher);
    for (const id of withdrawn) {
      yield create(WatchRegistrationResponseSchema, { event: { case: "withdrawn", value: { id } } });
    }
    for (const question of asked) {
      const known = await hosts.of(who, question.ask.caller, watcher.generation);
      const value = questionMessage(question, known, clock.monotonic());
      yield create(WatchRegistrationResponseSchema, { event: { case: "question", value } });
    }
  }

  async function* watchEvents(
    who: RunnerIdentity,
    watcher: AgentStream,
    news: WatchNews,
  ): AsyncIterable<WatchRegistrationResponse> {
    switch (news) {
      case "keep_alive":
        yield create(WatchRegistrationResponseSchema, { event: { case: "keepAlive", value: {} } });
        return;
      case "spec": {
        const runner = await store.runners.get(who.organizationId, who.id);
        if (runner === null) throw refusalError(RefusalReason.RUNNER_DELETED);
        const value = wantedSpec(runner, secrets);
        yield create(WatchRegistrationResponseSchema, { event: { case: "wanted", value } });
        return;
      }
      case "wind_down": {
        const left = registry.windDownMs(who.id);
        if (left === null) return;
        const value = windDown(left).windDown;
        yield create(WatchRegistrationResponseSchema, { event: { case: "windDown", value } });
        return;
      }
      case "questions":
        yield* askOn(who, watcher);
        return;
      case "configuration": {
        const value = { revision: registry.configurationRevision(who.id) };
        yield create(WatchRegistrationResponseSchema, { event: { case: "configuration", value } });
        return;
      }
      default:
        news satisfies never;
    }
  }
}

/** What keeps reports of metrics away before they are read: they may be large. Other callers are refused by the handler. */
export function reportAdmission(registry: RunnerRegistry): (caller: Caller) => Promise<void> {
  return async (caller) => {
    if (isRunner(caller)) await registry.admitReport(caller);
  };
}

function windDown(leftMs: number) {
  return { windDown: { remaining: durationFromMs(Math.round(leftMs)) } };
}

/** The calling runner. @throws DomainError for any other caller, and for a runner that takes itself for another */
function runnerOf(context: HandlerContext, claimedId: string): RunnerIdentity {
  const caller = callerOf(context);
  refusePeople(caller);
  if (claimedId !== "" && claimedId.toLowerCase() !== caller.id)
    throw refusalError(RefusalReason.WRONG_RUNNER);
  return caller;
}
