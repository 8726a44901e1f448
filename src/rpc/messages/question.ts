import { create, type DescEnum, type DescField, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AnswerQuestionRequest,
  AnswerQuestionRequestSchema,
  type HostAccessSchema,
  type Question,
  type QuestionError,
  QuestionSchema,
} from "../../../gen/rollcall/v1/agent_pb.js";
import type { Caller } from "../../domain/access/caller.ts";
import { DomainError, type DomainErrorKind } from "../../domain/errors.ts";
import { cleanText } from "../../domain/leases/text.ts";
import { answeredBadly, cannotAnswer, QuestionKind } from "../../domain/questions/question.ts";
import type { OpenQuestion } from "../../fleet/questions.ts";

/** A call, as it goes to the runner. */
export type AskedCall = Exclude<Question["ask"], { case: undefined }>;

/** What is asked, and by whom: what the asker is signed in with is read whenever the question is sent. */
export interface Asked {
  readonly call: AskedCall;
  readonly caller: Caller;
}

/** An answer of any kind; it is of the kind that was asked for. */
export type Answered = Exclude<AnswerQuestionRequest["outcome"], { case: "error" | undefined }>;

const kinds: Readonly<Record<AskedCall["case"], QuestionKind>> = {
  parse: QuestionKind.PARSE_CONTEXT_URL,
  search: QuestionKind.SEARCH_REPOSITORIES,
  organizations: QuestionKind.LIST_SCM_ORGANIZATIONS,
  checkAuthentication: QuestionKind.CHECK_AUTHENTICATION,
  checkRepository: QuestionKind.CHECK_REPOSITORY_ACCESS,
  validate: QuestionKind.VALIDATE_CONFIGURATION,
};

export function kindOf(call: AskedCall): QuestionKind {
  return kinds[call.case];
}

export function questionMessage(
  { id, ask, dueAt }: OpenQuestion<Asked>,
  hosts: MessageInitShape<typeof HostAccessSchema>[],
  now: number,
): Question {
  const { call, caller } = ask;
  const asker = { id: caller.id, principal: caller.principal };
  const remaining = durationFromMs(Math.max(0, Math.round(dueAt - now)));
  return create(QuestionSchema, { id, remaining, asker, hosts, ask: call });
}

/** Most bytes of an answer, of one of its texts and of an error's message, and most items of a list of it. */
const answerBytes = 64 * 1024;
const listBytes = 256 * 1024;
const textBytes = 4096;
const messageBytes = 1024;
const listItems = 100;

/**
 * A runner's answer to a question, cleaned of what could deceive a reader.
 * @throws DomainError `internal` for one that breaks a bound, or is no answer to this question
 */
export function readAnswer(request: AnswerQuestionRequest, asked: AskedCall): Answered {
  const { outcome } = request;
  if (outcome.case === undefined) throw answeredBadly("outcome: is not set");
  if (outcome.case === "error" || outcome.case !== asked.case)
    throw answeredBadly("outcome: is of another kind than the question");
  const most = outcome.case === "search" || outcome.case === "organizations" ? listBytes : answerBytes;
  const bytes = toBinary(AnswerQuestionRequestSchema, request).length;
  if (bytes > most) throw answeredBadly(`${outcome.case}: has more than ${most} bytes`);
  const field = AnswerQuestionRequestSchema.oneofs[0]?.fields.find(
    ({ localName }) => localName === outcome.case,
  );
  if (field?.message === undefined) throw answeredBadly("outcome: is of no known kind");
  clean(reflect(field.message, outcome.value), outcome.case);
  return outcome;
}

function clean(message: ReflectMessage, path: string): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const at = `${path}.${field.name}`;
    switch (field.fieldKind) {
      case "scalar": {
        const value = message.get(field);
        if (typeof value === "string") message.set(field, cleaned(field, value, at));
        break;
      }
      case "enum":
        checkEnum(field.enum, message.get(field), at);
        break;
      case "message":
        clean(message.get(field), at);
        break;
      case "list": {
        const list = message.get(field);
        if (list.size > listItems) throw answeredBadly(`${at}: has more than ${listItems} items`);
        for (const [index, item] of [...list].entries()) {
          if (field.listKind === "message") clean(item as ReflectMessage, at);
          else if (field.listKind === "enum") checkEnum(field.enum, item as number, at);
          else if (typeof item === "string") list.set(index, cleaned(field, item, at));
        }
        break;
      }
      default:
        throw answeredBadly(`${at}: is of a kind that no answer has`);
    }
  }
}

function cleaned(field: DescField, text: string, at: string): string {
  if (Buffer.byteLength(text) > textBytes) throw answeredBadly(`${at}: has more than ${textBytes} bytes`);
  if (/(^|_)url$/.test(field.name) && !isWebUrl(text)) throw answeredBadly(`${at}: is no http or https URL`);
  return cleanText(text).text;
}

function isWebUrl(text: string): boolean {
  // What a parser would take away may mean something to another one.
  return text === "" || (/^https?:\/\/[^\s\p{Cc}]+$/u.test(text) && URL.canParse(text));
}

function checkEnum(desc: DescEnum, value: number, at: string): void {
  if (desc.value[value] === undefined) throw answeredBadly(`${at}: is an unknown value`);
}

/** What the codes of google.rpc mean that an error may have. 12 is missing: it says that the runner lacks a capability. */
const errorKinds: Readonly<Record<number, DomainErrorKind>> = {
  3: "invalid",
  5: "not_found",
  7: "permission_denied",
  8: "resource_exhausted",
  9: "failed_precondition",
  14: "unavailable",
};
const unimplemented = 12;

/** How long who asked should wait when the host's limits are used up, or when it cannot be reached. Milliseconds. */
const hostRetryMs = 30_000;

/**
 * The error that a runner gives in place of an answer, as who asked gets it.
 * @throws DomainError `internal` for one that breaks a bound
 */
export function readQuestionError(error: QuestionError, kind: QuestionKind): DomainError {
  if (error.code === unimplemented) return cannotAnswer(kind);
  const errorKind = errorKinds[error.code];
  if (errorKind === undefined) throw answeredBadly("error.code: is none that an answer may have");
  if (Buffer.byteLength(error.message) > messageBytes)
    throw answeredBadly(`error.message: has more than ${messageBytes} bytes`);
  const { details } = error;
  if (details !== undefined) {
    if (!isWebUrl(details.authenticationRequiredUrl) || details.authenticationRequiredUrl.length > textBytes)
      throw answeredBadly("error.details.authentication_required_url: is no http or https URL");
    if (Buffer.byteLength(details.scmId) > 128) throw answeredBadly("error.details.scm_id: is too long");
  }
  const waits = errorKind === "resource_exhausted" || errorKind === "unavailable";
  return new DomainError(errorKind, cleanText(error.message).text || "the runner gives no reason", {
    reason: "RUNNER_REFUSED",
    ...(waits && { retryAfterMs: hostRetryMs }),
    ...(details && {
      signIn: {
        url: details.authenticationRequiredUrl,
        scmId: cleanText(details.scmId).text,
        runnerIds: [],
      },
    }),
  });
}

/** An answer to a call whose kind is known. @throws Error when it is of another one, which readAnswer does not let through */
export function answerOf<C extends Answered["case"]>(answered: Answered, kind: C): AnswerTo<C> {
  if (answered.case !== kind) throw new Error(`asked for ${kind}, answered with ${answered.case}`);
  return answered.value as AnswerTo<C>;
}

type AnswerTo<C> = Extract<Answered, { case: C }>["value"];
