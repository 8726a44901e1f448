import type { Registry } from "prom-client";
import { type QuestionKind, type QuestionOutcome, questionKinds } from "../domain/questions/question.ts";
import type { QuestionObserver, Questions } from "../fleet/questions.ts";
import { type Count, counter, histogram, type Labels, type Observations, plainGauge } from "./series.ts";

/** Seconds. Most hosts answer in some tenths of one; nobody waits longer than ten. */
const durations = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts the questions to runners. */
export class QuestionMetrics implements QuestionObserver {
  readonly #registry: Registry;
  readonly #ended: (labels: Labels<"kind" | "outcome">) => Count;
  readonly #seconds: (labels: Labels<"kind">) => Observations;
  readonly #dropped: Count;
  readonly #counts = new Map<string, Count>();
  readonly #durations = new Map<QuestionKind, Observations>();

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#ended = counter({
      registry,
      name: "rollcall_questions_total",
      help: "Questions to runners that have ended.",
      labelNames: ["kind", "outcome"],
    });
    this.#seconds = histogram(
      {
        registry,
        name: "rollcall_question_duration_seconds",
        help: "How long who asked a runner waited for its answer.",
        labelNames: ["kind"],
      },
      durations,
    );
    this.#dropped = counter({
      registry,
      name: "rollcall_question_answers_dropped_total",
      help: "Answers of runners that no caller waited for.",
      labelNames: [],
    })({});
  }

  ended(kind: QuestionKind, outcome: QuestionOutcome, seconds: number): void {
    const { name } = questionKinds[kind];
    const key = `${name} ${outcome}`;
    const count = this.#counts.get(key) ?? this.#ended({ kind: name, outcome });
    this.#counts.set(key, count);
    count.value += 1;
    if (outcome !== "answered") return;
    const observations = this.#durations.get(kind) ?? this.#seconds({ kind: name });
    this.#durations.set(kind, observations);
    observations.observe(seconds);
  }

  dropped(): void {
    this.#dropped.value += 1;
  }

  /** Shows how many are open, from now on. */
  show(questions: Pick<Questions<never, never>, "size">): void {
    plainGauge(
      {
        registry: this.#registry,
        name: "rollcall_questions_open",
        help: "Questions that runners have to answer.",
      },
      () => questions.size,
    );
  }
}
