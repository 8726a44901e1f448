import type { LeaseEngine } from "../domain/leases/engine.ts";
import { RefusalReason, refusalError } from "../domain/leases/refusal.ts";
import type { Awaitable } from "../lib/awaitable.ts";
import type { Store } from "../store/store.ts";

/** The runner that calls, as its token says. */
export interface RunnerIdentity {
  readonly id: string;
  readonly organizationId: string;
}

/** What must be known of a runner at every renewal, so that one without news reads nothing from disk. */
export interface Known {
  readonly organizationId: string;
  readonly specRevision: number;
  readonly configurationRevision: number;
}

/** The runners that the lease engine holds. There may be 130,000 of these: only what is needed is kept. */
export class KnownRunners {
  readonly #engine: LeaseEngine;
  readonly #runners: Store["runners"];
  readonly #known = new Map<string, Known>();

  constructor(engine: LeaseEngine, runners: Store["runners"]) {
    this.#engine = engine;
    this.#runners = runners;
  }

  get(runnerId: string): Known | undefined {
    return this.#known.get(runnerId);
  }

  /** Has the engine know the caller. @throws DomainError, or rejects with it, when the runner was deleted */
  admit(who: RunnerIdentity): Awaitable<Known> {
    return this.#known.get(who.id) ?? this.#read(who);
  }

  set(runnerId: string, { organizationId, specRevision, configurationRevision }: Known): Known {
    const known = { organizationId, specRevision, configurationRevision };
    this.#known.set(runnerId, known);
    return known;
  }

  delete(runnerId: string): void {
    this.#known.delete(runnerId);
  }

  async #read({ id, organizationId }: RunnerIdentity): Promise<Known> {
    const runner = await this.#runners.get(organizationId, id);
    if (runner === null) throw refusalError(RefusalReason.RUNNER_DELETED);
    this.#engine.admit({ runnerId: id, provider: runner.provider, ...runner.lease });
    // The caller's own string: another copy of it for each of 130,000 would be 56 bytes.
    const { specRevision, configurationRevision } = runner;
    return this.set(id, { organizationId, specRevision, configurationRevision });
  }
}
