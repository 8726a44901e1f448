import { RunnerPhase } from "../domain/runners/enums.ts";

/** How the runner finds itself, as it is reported. */
export interface Standing {
  readonly phase: RunnerPhase;
  readonly message: string;
}

/** What can be wrong with a runner, each with a reason of its own. */
export type ProblemArea = "spec" | "health";

const longestMessage = 1_000;

/** Collects what goes wrong, and says how the runner stands. */
export class Condition {
  readonly #problems = new Map<ProblemArea, string>();
  readonly #changed: () => void;
  #windingDown = false;

  /** @param changed called whenever the standing is another one */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** @param problem null when all is well in this area */
  set(area: ProblemArea, problem: string | null): void {
    if (problem === (this.#problems.get(area) ?? null)) return;
    if (problem === null) this.#problems.delete(area);
    else this.#problems.set(area, problem);
    this.#changed();
  }

  windDown(): void {
    if (this.#windingDown) return;
    this.#windingDown = true;
    this.#changed();
  }

  standing(): Standing {
    const message = [...this.#problems.values()].join("; ").slice(0, longestMessage);
    if (this.#windingDown) return { phase: RunnerPhase.DELETING, message };
    return { phase: message === "" ? RunnerPhase.ACTIVE : RunnerPhase.DEGRADED, message };
  }
}
