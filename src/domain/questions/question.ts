import { DomainError } from "../errors.ts";
import { RunnerPhase } from "../runners/enums.ts";

/** `rollcall.v1.QuestionKind`, of those that this server asks. */
export const QuestionKind = {
  PARSE_CONTEXT_URL: 1,
  SEARCH_REPOSITORIES: 2,
  LIST_SCM_ORGANIZATIONS: 3,
  CHECK_AUTHENTICATION: 4,
  CHECK_REPOSITORY_ACCESS: 5,
  VALIDATE_CONFIGURATION: 6,
} as const;
export type QuestionKind = (typeof QuestionKind)[keyof typeof QuestionKind];

/** Each kind as metrics call it, and what a runner does that answers it. */
export const questionKinds: Readonly<
  Record<QuestionKind, { readonly name: string; readonly capability: string }>
> = {
  [QuestionKind.PARSE_CONTEXT_URL]: { name: "parse_context_url", capability: "resolve links" },
  [QuestionKind.SEARCH_REPOSITORIES]: { name: "search_repositories", capability: "search repositories" },
  [QuestionKind.LIST_SCM_ORGANIZATIONS]: {
    name: "list_scm_organizations",
    capability: "list organizations of source-code hosts",
  },
  [QuestionKind.CHECK_AUTHENTICATION]: {
    name: "check_authentication",
    capability: "check who is signed in to a source-code host",
  },
  [QuestionKind.CHECK_REPOSITORY_ACCESS]: {
    name: "check_repository_access",
    capability: "check access to repositories",
  },
  [QuestionKind.VALIDATE_CONFIGURATION]: {
    name: "validate_configuration",
    capability: "validate its configuration",
  },
};

/** What questions may take. Times in milliseconds. */
export const questionLimits = {
  openOfRunner: 32,
  open: 512,
  /** Of one asker: in the long run, and at once. */
  rate: { perSecond: 10, burst: 100 },
  /** The longest that an answer is waited for. */
  timeMs: 10_000,
  /** How long a live runner may be without a stream: it may just be opening one. */
  streamWaitMs: 2_000,
  /** A runner may store the credential of a sign-in for whoever asked it something within this time. */
  signInMs: 60 * 60 * 1000,
} as const;

/** How a question ended. */
export type QuestionOutcome =
  | "answered"
  | "refused"
  | "answered_badly"
  | "timed_out"
  | "withdrawn"
  | "not_active"
  | "not_watching"
  | "cannot_answer"
  | "too_many";

/** How long to wait for an answer. @param callerLeftMs what the caller's own deadline leaves; undefined: it has none */
export function questionMs(callerLeftMs: number | undefined): number {
  return Math.max(0, Math.min(callerLeftMs ?? Number.POSITIVE_INFINITY, questionLimits.timeMs));
}

/** Only a runner that is well, or says what is wrong with it, is asked. */
export function isAsked(phase: RunnerPhase): boolean {
  return phase === RunnerPhase.ACTIVE || phase === RunnerPhase.DEGRADED;
}

/** @throws DomainError RUNNER_NOT_ACTIVE */
export function refuseInactive(phase: RunnerPhase): void {
  if (!isAsked(phase)) throw notActive();
}

export function notActive(): DomainError {
  return new DomainError("failed_precondition", "runner is not active", { reason: "RUNNER_NOT_ACTIVE" });
}

export function notWatching(): DomainError {
  return new DomainError("unavailable", "the runner has no stream open that a question could go to", {
    reason: "RUNNER_NOT_WATCHING",
    retryAfterMs: 2_000,
  });
}

/** Clients look for the word in this text. */
export function cannotAnswer(kind: QuestionKind): DomainError {
  const { capability } = questionKinds[kind];
  return new DomainError("failed_precondition", `runner lacks the capability to ${capability}`, {
    reason: "RUNNER_CANNOT_ANSWER",
  });
}

export function tooManyQuestions(what: string, retryAfterMs: number): DomainError {
  return new DomainError("resource_exhausted", what, { reason: "TOO_MANY_QUESTIONS", retryAfterMs });
}

export function answeredLate(): DomainError {
  return new DomainError("deadline_exceeded", "the runner did not answer in time", {
    reason: "RUNNER_DID_NOT_ANSWER",
  });
}

/** @param what the field and what is wrong with it, without the value */
export function answeredBadly(what: string): DomainError {
  return new DomainError("internal", `the runner's answer is unusable: ${what}`, {
    reason: "RUNNER_ANSWERED_BADLY",
  });
}
