import type { Authorized, RunnerScope } from "../domain/access/runners.ts";
import type { LlmIntegration, LlmIntegrationChange } from "../domain/llm-integrations/llm-integration.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { Rows } from "./rows.ts";

/**
 * Connections of runners to providers of language models; see EnvironmentClassStore for what all changes do. Changes
 * reject with `aborted` for a secret that is sealed to a key which the runner has changed meanwhile.
 */
export interface LlmIntegrationStore {
  get(organizationId: string, id: string): Promise<LlmIntegration | null>;
  /** Newest first: those on runners of the scope. */
  list(scope: RunnerScope, runnerIds: readonly string[], page: Page): Promise<Rows<LlmIntegration>>;
  /** Rejects with `resource_exhausted` when the runner has too many. */
  create(runner: Authorized<"configure">, integration: LlmIntegration): Promise<void>;
  /** False when the runner has no such integration. */
  update(
    runner: Authorized<"configure">,
    id: string,
    change: LlmIntegrationChange,
    now: number,
  ): Promise<boolean>;
  /** False when the runner has no such integration. */
  remove(runner: Authorized<"configure">, id: string, now: number): Promise<boolean>;
}
