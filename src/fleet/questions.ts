import type { Subject } from "../domain/access/principal.ts";
import { RateLimiter } from "../domain/limits/rate-limiter.ts";
import {
  answeredLate,
  cannotAnswer,
  notActive,
  notWatching,
  type QuestionKind,
  type QuestionOutcome,
  questionLimits,
  tooManyQuestions,
} from "../domain/questions/question.ts";
import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import { Recent } from "../lib/recent.ts";
import type { AgentStream } from "./agent-streams.ts";

/** How often open questions are looked through, in milliseconds of real time. */
const lookMs = 50;
/** How many askers are remembered for sign-ins, in each of two generations. */
const rememberedAskers = 10_000;

/** The ends that an agent's own answer brings about. */
const heard: ReadonlySet<QuestionOutcome> = new Set(["answered", "refused", "answered_badly"]);

/** A question that somebody waits for. */
export interface OpenQuestion<Ask> {
  readonly id: string;
  readonly runnerId: string;
  readonly kind: QuestionKind;
  readonly asker: Subject;
  readonly ask: Ask;
  /** Monotonic milliseconds. */
  readonly dueAt: number;
}

export interface NewQuestion<Ask> extends Pick<OpenQuestion<Ask>, "runnerId" | "kind" | "asker" | "ask"> {
  /** How long an answer is waited for, in milliseconds. */
  readonly timeMs: number;
  /** Aborts when the asker has gone. */
  readonly signal: AbortSignal;
}

/** What one stream has to carry. */
interface QuestionStream {
  readonly answers: ReadonlySet<number>;
  /** Asked on this stream. */
  readonly sent: Set<string>;
  /** To be sent. */
  readonly pending: Set<string>;
  /** Of those that were sent: nobody waits any more. */
  readonly withdrawn: Set<string>;
}

interface Waiting<Ask, Answer> extends OpenQuestion<Ask> {
  readonly askedAt: number;
  /** Without a stream until this time, monotonic, it is given up; null once it was sent. */
  givenUpAt: number | null;
  readonly settle: (
    outcome: QuestionOutcome,
    result: { readonly answer: Answer } | { readonly error: unknown },
  ) => void;
}

/** Hears how questions end. */
export interface QuestionObserver {
  ended(kind: QuestionKind, outcome: QuestionOutcome, seconds: number): void;
  /** An answer that nobody waited for. */
  dropped(): void;
}

export interface QuestionsOptions {
  readonly clock: Clock;
  readonly newId: IdSource;
  readonly observer: QuestionObserver;
}

/**
 * The questions that people wait for and runners answer, in memory alone: with the process those who wait go too. Each
 * goes to the newest stream of the newest generation, and again to the next one while its time lasts.
 */
export class Questions<Ask, Answer> {
  readonly #clock: Clock;
  readonly #newId: IdSource;
  readonly #observer: QuestionObserver;
  readonly #rates = new RateLimiter(questionLimits.rate);
  readonly #open = new Map<string, Map<string, Waiting<Ask, Answer>>>();
  /** By runner, in the order in which they were opened. */
  readonly #streams = new Map<string, Map<AgentStream, QuestionStream>>();
  readonly #askers = new Recent<number>(rememberedAskers);
  #size = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ clock, newId, observer }: QuestionsOptions) {
    this.#clock = clock;
    this.#newId = newId;
    this.#observer = observer;
  }

  /** How many are open. */
  get size(): number {
    return this.#size;
  }

  /**
   * Asks a runner, and resolves to its answer.
   * @throws DomainError when it cannot be asked, does not answer, or answers with an error; the signal's reason when it aborts
   */
  ask({ runnerId, kind, asker, ask, timeMs, signal }: NewQuestion<Ask>): Promise<Answer> {
    signal.throwIfAborted();
    const now = this.#clock.monotonic();
    const ofRunner = this.#open.get(runnerId) ?? new Map<string, Waiting<Ask, Answer>>();
    this.#refuseTooMany(kind, asker, ofRunner.size, now);
    this.#askers.set(signInKey(runnerId, asker), now);
    const id = this.#newId();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onAbort = (): void => question.settle("withdrawn", { error: signal.reason });
    const question: Waiting<Ask, Answer> = {
      ...{ id, runnerId, kind, asker, ask },
      dueAt: now + timeMs,
      askedAt: now,
      givenUpAt: now + questionLimits.streamWaitMs,
      settle: (outcome, result) => {
        if (!ofRunner.delete(id)) return;
        if (ofRunner.size === 0) this.#open.delete(runnerId);
        this.#size -= 1;
        signal.removeEventListener("abort", onAbort);
        this.#forget(runnerId, id, outcome);
        this.#observer.ended(kind, outcome, (this.#clock.monotonic() - now) / 1000);
        if ("answer" in result) resolve(result.answer);
        else reject(result.error);
      },
    };
    ofRunner.set(id, question);
    this.#open.set(runnerId, ofRunner);
    this.#size += 1;
    signal.addEventListener("abort", onAbort, { once: true });
    this.#offer(question);
    this.#watchTime();
    return promise;
  }

  /** A stream that can carry questions, until {@link closed} is told. @param answers the kinds that its agent answers */
  opened(watcher: AgentStream, answers: Iterable<number>): void {
    const { runnerId } = watcher;
    const streams = this.#streams.get(runnerId) ?? new Map<AgentStream, QuestionStream>();
    this.#streams.set(runnerId, streams);
    const none = (): Set<string> => new Set();
    streams.set(watcher, { answers: new Set(answers), sent: none(), pending: none(), withdrawn: none() });
    if (this.#newest(runnerId)?.[0] === watcher) this.#offerAll(runnerId);
  }

  closed(watcher: AgentStream): void {
    const { runnerId } = watcher;
    const wasNewest = this.#newest(runnerId)?.[0] === watcher;
    const streams = this.#streams.get(runnerId);
    streams?.delete(watcher);
    if (streams?.size === 0) this.#streams.delete(runnerId);
    else if (wasNewest) this.#offerAll(runnerId);
  }

  /** A runner that is paused, has left or is being deleted answers nothing any more: who waits for it is told at once. */
  inactive(runnerId: string): void {
    for (const question of [...(this.#open.get(runnerId)?.values() ?? [])]) {
      question.settle("not_active", { error: notActive() });
    }
  }

  /** What a stream has to carry now: the questions to ask on it, and the ids of those that nobody waits for any more. */
  take(watcher: AgentStream): {
    readonly asked: readonly OpenQuestion<Ask>[];
    readonly withdrawn: readonly string[];
  } {
    const stream = this.#streams.get(watcher.runnerId)?.get(watcher);
    if (stream === undefined) return { asked: [], withdrawn: [] };
    const withdrawn = [...stream.withdrawn];
    stream.withdrawn.clear();
    const open = this.#open.get(watcher.runnerId);
    const asked = [...stream.pending].flatMap((id) => open?.get(id) ?? []);
    stream.pending.clear();
    for (const { id } of asked) stream.sent.add(id);
    return { asked, withdrawn };
  }

  /** The open question of a runner by its id; undefined when nobody waits for it, or it is another runner's. */
  find(runnerId: string, id: string): OpenQuestion<Ask> | undefined {
    const found = this.#open.get(runnerId)?.get(id);
    if (found === undefined) this.#observer.dropped();
    return found;
  }

  /** Hands the answer over. */
  answer({ runnerId, id }: OpenQuestion<Ask>, answer: Answer): void {
    this.#open.get(runnerId)?.get(id)?.settle("answered", { answer });
  }

  /** Ends a question with an error for who asked. */
  fail({ runnerId, id }: OpenQuestion<Ask>, outcome: QuestionOutcome, error: unknown): void {
    this.#open.get(runnerId)?.get(id)?.settle(outcome, { error });
  }

  /** Whether this subject asked this runner something lately: then it may be signing in through it. */
  askedLately(runnerId: string, asker: Pick<Subject, "id">): boolean {
    const at = this.#askers.get(signInKey(runnerId, asker));
    return at !== undefined && this.#clock.monotonic() - at <= questionLimits.signInMs;
  }

  /** Ends what is due. Called by a timer as long as something is open. */
  tick(): void {
    const now = this.#clock.monotonic();
    for (const ofRunner of [...this.#open.values()]) {
      for (const question of [...ofRunner.values()]) {
        if (now >= question.dueAt) question.settle("timed_out", { error: answeredLate() });
        else if (question.givenUpAt !== null && now >= question.givenUpAt) {
          question.settle("not_watching", { error: notWatching() });
        }
      }
    }
  }

  #refuseTooMany(kind: QuestionKind, asker: Subject, ofRunner: number, now: number): void {
    const refuse = (what: string, retryAfterMs: number): never => {
      this.#observer.ended(kind, "too_many", 0);
      throw tooManyQuestions(what, retryAfterMs);
    };
    const waitMs = this.#rates.take(asker.id, now);
    if (waitMs > 0) refuse("too many questions to runners from this caller", Math.ceil(waitMs));
    if (ofRunner >= questionLimits.openOfRunner) {
      refuse(`the runner has ${ofRunner} questions to answer already`, 1_000);
    }
    if (this.#size >= questionLimits.open) {
      refuse(`${this.#size} questions wait for runners to answer them already`, 1_000);
    }
  }

  #offerAll(runnerId: string): void {
    for (const question of [...(this.#open.get(runnerId)?.values() ?? [])]) this.#offer(question);
  }

  #offer(question: Waiting<Ask, Answer>): void {
    const [watcher, stream] = this.#newest(question.runnerId) ?? [];
    if (watcher === undefined || stream === undefined) return;
    if (!stream.answers.has(question.kind)) {
      question.settle("cannot_answer", { error: cannotAnswer(question.kind) });
      return;
    }
    question.givenUpAt = null;
    if (stream.sent.has(question.id)) return;
    stream.pending.add(question.id);
    watcher.tell("questions");
  }

  /** The stream to ask on: of the newest generation the one that was opened last. */
  #newest(runnerId: string): readonly [AgentStream, QuestionStream] | undefined {
    let newest: readonly [AgentStream, QuestionStream] | undefined;
    for (const entry of this.#streams.get(runnerId) ?? []) {
      if (newest === undefined || entry[0].generation >= newest[0].generation) newest = entry;
    }
    return newest;
  }

  /** Each stream that it was sent on is told that nobody waits any more, unless that is because it was answered. */
  #forget(runnerId: string, id: string, outcome: QuestionOutcome): void {
    for (const [watcher, { sent, pending, withdrawn }] of this.#streams.get(runnerId) ?? []) {
      pending.delete(id);
      if (!sent.delete(id) || heard.has(outcome)) continue;
      withdrawn.add(id);
      watcher.tell("questions");
    }
  }

  #watchTime(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.tick();
      if (this.#size > 0) this.#watchTime();
    }, lookMs);
  }
}

function signInKey(runnerId: string, { id }: Pick<Subject, "id">): string {
  return `${runnerId} ${id}`;
}
