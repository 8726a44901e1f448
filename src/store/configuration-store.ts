import type { Attribution } from "../domain/access/attribution.ts";
import type { Authorized, RunnerScope } from "../domain/access/runners.ts";
import type {
  EnvironmentClass,
  EnvironmentClassChange,
  EnvironmentClassFilter,
} from "../domain/environment-classes/environment-class.ts";
import type {
  HostToken,
  HostTokenChange,
  HostTokenFilter,
  HostTokenValues,
  NewHostToken,
} from "../domain/host-tokens/host-token.ts";
import type { AuthorizedHostToken, HostTokenScope } from "../domain/host-tokens/rights.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { ScmIntegration, ScmIntegrationChange } from "../domain/scm-integrations/scm-integration.ts";
import type { Rows } from "./rows.ts";

// What is set up on runners. Each change of classes and integrations counts up the `configurationRevision` of its runner in
// the same commit; what is created or changed rejects with `not_found` when the runner is gone, with `failed_precondition`
// when it is being deleted. With a runner all of it goes.

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

/** Changes reject with `already_exists` for a host that the runner has, with `aborted` when its public key has changed. */
export interface ScmIntegrationStore {
  get(organizationId: string, id: string): Promise<ScmIntegration | null>;
  /** Newest first: those on runners of the scope. @param runnerIds empty: on any */
  list(scope: RunnerScope, runnerIds: readonly string[], page: Page): Promise<Rows<ScmIntegration>>;
  create(runner: Authorized<"configure">, integration: ScmIntegration): Promise<void>;
  /** Removes the tokens that were stored in a way which it takes no more. False when the runner has no such integration. */
  update(
    runner: Authorized<"configure">,
    id: string,
    change: ScmIntegrationChange,
    now: number,
  ): Promise<boolean>;
  /** Removes it with every token for its host; false when the runner has no such integration. */
  remove(runner: Authorized<"configure">, id: string, now: number): Promise<boolean>;
}

export interface HostTokenStore {
  get(organizationId: string, id: string): Promise<HostToken | null>;
  /** The credential itself, encrypted; null when there is no such token. */
  values(organizationId: string, id: string): Promise<HostTokenValues | null>;
  /** Newest first. */
  list(scope: HostTokenScope, filter: HostTokenFilter, page: Page): Promise<Rows<HostToken>>;
  /**
   * Rejects with `already_exists` when the subject has a token for the host on this runner, with `failed_precondition` when
   * no integration takes it, with `not_found` when there is no such subject.
   * @param replaced id of the subject's token for the host on this runner that goes for it
   */
  create(runner: Authorized<"read">, token: NewHostToken, replaced?: string): Promise<HostToken>;
  /** False when it is gone. */
  update(token: AuthorizedHostToken<"update">, change: HostTokenChange, now: number): Promise<boolean>;
  /** False when it is gone already. */
  remove(token: AuthorizedHostToken<"delete">, now: number): Promise<boolean>;
  /** Writes down that the credential went to its runner. */
  handedOver(token: HostToken, by: Attribution, now: number): Promise<void>;
  /** Removes tokens that expired before a time, `limit` at most; resolves to how many. */
  removeBefore(time: number, limit: number, now: number): Promise<number>;
}
