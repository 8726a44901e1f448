import type { Authorized, RunnerScope } from "../domain/access/runners.ts";
import type {
  EnvironmentClass,
  EnvironmentClassChange,
  EnvironmentClassFilter,
} from "../domain/environment-classes/environment-class.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { Rows } from "./rows.ts";

/**
 * What is set up on runners. Each change counts up the `configurationRevision` of its runner in the same commit, and
 * rejects with `not_found` when the runner is gone, with `failed_precondition` when it is being deleted. With a runner
 * all of it goes.
 */
export interface EnvironmentClassStore {
  get(organizationId: string, id: string): Promise<EnvironmentClass | null>;
  /** Newest first: those on runners of the scope. */
  list(scope: RunnerScope, filter: EnvironmentClassFilter, page: Page): Promise<Rows<EnvironmentClass>>;
  /** Rejects with `resource_exhausted` when the runner has too many. */
  create(runner: Authorized<"configure">, environmentClass: EnvironmentClass): Promise<void>;
  /** False when the runner has no such class. Rejects with `resource_exhausted` when too many would be enabled. */
  update(
    runner: Authorized<"configure">,
    id: string,
    change: EnvironmentClassChange,
    now: number,
  ): Promise<boolean>;
}
