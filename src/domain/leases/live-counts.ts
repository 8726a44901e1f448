import type { RunnerProvider } from "../runners/enums.ts";
import type { Lease, ReportedPhase } from "./lease.ts";

/** Live runners of one provider that say the same of themselves. */
export interface LiveCount {
  readonly provider: RunnerProvider;
  readonly phase: ReportedPhase;
  readonly runners: number;
}

/** How many runners are live, kept with every change, so that none has to go through all of them to know. */
export class LiveCounts {
  readonly #byProvider = new Map<RunnerProvider, Map<ReportedPhase, number>>();

  of(provider: RunnerProvider): number {
    let live = 0;
    for (const runners of this.#byProvider.get(provider)?.values() ?? []) live += runners;
    return live;
  }

  all(): readonly LiveCount[] {
    return [...this.#byProvider].flatMap(([provider, phases]) =>
      Array.from(phases, ([phase, runners]) => ({ provider, phase, runners })),
    );
  }

  came({ provider, phase }: Lease): void {
    this.#add(provider, phase, 1);
  }

  left({ provider, phase }: Lease): void {
    this.#add(provider, phase, -1);
  }

  /** A live runner says something else of itself than before. */
  moved({ provider, phase }: Lease, before: ReportedPhase): void {
    this.#add(provider, before, -1);
    this.#add(provider, phase, 1);
  }

  #add(provider: RunnerProvider, phase: ReportedPhase, runners: number): void {
    let phases = this.#byProvider.get(provider);
    if (phases === undefined) {
      phases = new Map();
      this.#byProvider.set(provider, phases);
    }
    phases.set(phase, (phases.get(phase) ?? 0) + runners);
  }
}
