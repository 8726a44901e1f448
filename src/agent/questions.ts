import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import sodium from "libsodium-wrappers";
import { HostAuthenticationTokenSource } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  AnswerQuestionRequestSchema,
  type HostAccess,
  type Question,
  QuestionKind,
  QuestionSchema,
  type RunnerAgentService,
} from "../../gen/rollcall/v1/agent_pb.js";
import { messageOf } from "../lib/thrown.ts";
import type { AgentKeys } from "./keys.ts";
import type { AgentLog } from "./log.ts";
import type { AgentHooks } from "./options.ts";
import type { Identity, Registration } from "./registration.ts";
import { answerQuestion, type KnownHost, type Outcome } from "./scm/answers.ts";
import type { HostHttp } from "./scm/http.ts";
import type { Time } from "./time.ts";
import { linked } from "./waiting.ts";

await sodium.ready;

/** As many as the server asks at once. */
const openAtMost = 32;
/** How many that were answered are remembered, so that a repetition is not answered again. */
const rememberedAnswers = 128;

/** What the agent answers by itself. */
const answeredKinds: readonly QuestionKind[] = [
  QuestionKind.PARSE_CONTEXT_URL,
  QuestionKind.SEARCH_REPOSITORIES,
  QuestionKind.LIST_SCM_ORGANIZATIONS,
  QuestionKind.CHECK_AUTHENTICATION,
  QuestionKind.CHECK_REPOSITORY_ACCESS,
];

/** What answers need of the rest of the agent. */
export interface Answering {
  readonly client: Pick<Client<typeof RunnerAgentService>, "answerQuestion">;
  readonly headers: { readonly authorization: string };
  readonly identity: Pick<Identity, "runnerId">;
  readonly hooks: Pick<AgentHooks, "onQuestion">;
  readonly log: AgentLog;
  readonly time: Time;
  readonly life: AbortSignal;
  readonly registration: Pick<Registration, "generation">;
}

export interface AnswersOptions {
  readonly live: () => Answering;
  readonly keys: AgentKeys;
  readonly http: Pick<HostHttp, "get">;
}

/** Answers the questions that the stream brings, many at once, each once. */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #open = new Map<string, AbortController>();
  readonly #answered = new Set<string>();
  readonly #privateKey: Uint8Array;

  constructor(options: AnswersOptions) {
    this.#options = options;
    const { d } = options.keys.privateKey.export({ format: "jwk" });
    this.#privateKey = Buffer.from(d ?? "", "base64url");
  }

  /** The kinds that are answered, for the stream's request. A hook may know more of them than the agent itself. */
  get kinds(): QuestionKind[] {
    const { hooks } = this.#options.live();
    return hooks.onQuestion === undefined
      ? [...answeredKinds]
      : [...answeredKinds, QuestionKind.VALIDATE_CONFIGURATION];
  }

  question(question: Question): void {
    const { id } = question;
    if (this.#open.has(id) || this.#answered.has(id) || this.#open.size >= openAtMost) return;
    void this.#answer(question);
  }

  withdrawn(id: string): void {
    this.#open.get(id)?.abort();
  }

  async #answer(question: Question): Promise<void> {
    const { id } = question;
    const { client, headers, identity, log, time, life, registration } = this.#options.live();
    const { controller, release } = linked(life);
    const { signal } = controller;
    this.#open.set(id, controller);
    const over = new AbortController();
    const leftMs = question.remaining === undefined ? 0 : durationMs(question.remaining);
    void time.sleep(leftMs, over.signal).then(() => controller.abort());
    try {
      const outcome = await this.#outcome(question, signal);
      if (signal.aborted) return;
      const { runnerId } = identity;
      const answer = { runnerId, generation: registration.generation, questionId: id, outcome };
      await client.answerQuestion(answer, { headers, signal });
      this.#remember(id);
    } catch (error) {
      if (!signal.aborted) log.info({ question: id, why: messageOf(error) }, "could not answer a question");
    } finally {
      over.abort();
      release();
      this.#open.delete(id);
    }
  }

  async #outcome(question: Question, signal: AbortSignal): Promise<Outcome> {
    const { hooks, time, log } = this.#options.live();
    if (hooks.onQuestion !== undefined) {
      try {
        const shown = toJson(
          QuestionSchema,
          create(QuestionSchema, { ...question, hosts: this.#shown(question.hosts) }),
        );
        const said = await hooks.onQuestion(shown, signal);
        if (said !== null) return fromJson(AnswerQuestionRequestSchema, said).outcome;
      } catch (error) {
        log.warn({ question: question.id, why: messageOf(error) }, "the command for questions failed");
        return { case: "error", value: { code: 14, message: "the runner's command for questions failed" } };
      }
    }
    let hosts: readonly KnownHost[];
    try {
      hosts = question.hosts.flatMap((host) => this.#known(host, time.now()));
    } catch {
      return {
        case: "error",
        value: { code: 14, message: "the runner cannot open a credential: its key has changed" },
      };
    }
    return answerQuestion(question.ask, { http: this.#options.http, hosts, signal });
  }

  /** Hosts as the hook gets them: secrets that are sealed are of no use to it, so credentials come opened. */
  #shown(hosts: readonly HostAccess[]): HostAccess[] {
    return hosts.map((host) => {
      const { token } = host;
      if (token === undefined) return host;
      const sealedToken = new Uint8Array(this.#unseal(token.sealedToken));
      const sealedRefreshToken = new Uint8Array(this.#unseal(token.sealedRefreshToken));
      return { ...host, token: { ...token, sealedToken, sealedRefreshToken } };
    });
  }

  #known({ integration, token }: HostAccess, now: number): KnownHost[] {
    if (integration === undefined) return [];
    const { host, scmId, pat, virtualDirectory = "" } = integration;
    const isOver = token?.expiresAt !== undefined && timestampMs(token.expiresAt) <= now;
    const credential =
      token === undefined || isOver
        ? null
        : {
            token: Buffer.from(this.#unseal(token.sealedToken)).toString(),
            isPat: token.source === HostAuthenticationTokenSource.PAT,
          };
    return [{ spec: { host, virtualDirectory }, scmId, pat, credential }];
  }

  /** @throws Error when it was sealed to another key */
  #unseal(sealed: Uint8Array): Uint8Array {
    if (sealed.length === 0) return sealed;
    return sodium.crypto_box_seal_open(sealed, this.#options.keys.publicKey, this.#privateKey);
  }

  #remember(id: string): void {
    this.#answered.add(id);
    const [oldest] = this.#answered;
    if (this.#answered.size > rememberedAnswers && oldest !== undefined) this.#answered.delete(oldest);
  }
}
