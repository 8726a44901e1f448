import type { Attribution } from "../domain/access/attribution.ts";
import type { Authorized, RunnerCreation, RunnerScope } from "../domain/access/runners.ts";
import type { DurableChange } from "../domain/leases/events.ts";
import type { LastSeen, LeaseFacts, LeaseState } from "../domain/leases/lease.ts";
import type { LongestLease } from "../domain/leases/longest-leases.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { RunnerKind, RunnerProvider } from "../domain/runners/enums.ts";
import type { ReportedConfiguration, RunnerReport, RunnerReportChange } from "../domain/runners/report.ts";
import type { BootstrapToken, Runner, RunnerSpec } from "../domain/runners/runner.ts";
import type { RunnerChange } from "../domain/runners/update.ts";
import type { AccessToken, PresentedToken } from "../domain/tokens/access-token.ts";
import type { Claimant, ExchangeToken } from "../domain/tokens/exchange.ts";
import type { OperatorGrant } from "../domain/users/rights.ts";
import type { Awaitable } from "../lib/awaitable.ts";
import type { AccessStore } from "./access-store.ts";
import type { EnvironmentClassStore, HostTokenStore, ScmIntegrationStore } from "./configuration-store.ts";
import type { CredentialStore, NewAccessToken } from "./credential-store.ts";
import type { AuditStore, EventStore } from "./event-store.ts";
import type { FoundingStore } from "./founding-store.ts";
import type { GroupStore, RoleStore } from "./group-store.ts";
import type { KeyStore } from "./key-store.ts";
import type { LlmIntegrationStore } from "./llm-integration-store.ts";
import type { MemberStore } from "./member-store.ts";
import type { GatewayStore, OrganizationStore, RunnerManagerStore } from "./operator-store.ts";
import type { PreferenceStore } from "./preference-store.ts";
import type { Rows } from "./rows.ts";
import type { ServiceAccountStore } from "./service-account-store.ts";
import type { UserStore } from "./user-store.ts";

export type { User } from "../domain/users/user.ts";
export type { NewAccessToken } from "./credential-store.ts";
export type { Founding, FoundingStore, NewUser } from "./founding-store.ts";
export type { Rows } from "./rows.ts";

/**
 * What the server keeps. Each method is one atomic intention: when its promise resolves, the change is on disk
 * and every later read sees it; when it rejects, nothing of it was kept. What a read resolves to is on disk, too. All times are wall-clock milliseconds
 * since the Unix epoch, all hashes SHA-256.
 *
 * Methods reject with a DomainError for what a rule refuses, `unavailable` when the disk cannot take a write.
 */
export interface Store {
  readonly runners: RunnerStore;
  readonly leases: LeaseStore;
  readonly tokens: TokenStore;
  readonly credentials: CredentialStore;
  readonly founding: FoundingStore;
  readonly users: UserStore;
  readonly members: MemberStore;
  readonly preferences: PreferenceStore;
  readonly serviceAccounts: ServiceAccountStore;
  readonly keys: KeyStore;
  readonly organizations: OrganizationStore;
  readonly runnerManagers: RunnerManagerStore;
  readonly gateways: GatewayStore;
  readonly environmentClasses: EnvironmentClassStore;
  readonly llmIntegrations: LlmIntegrationStore;
  readonly scmIntegrations: ScmIntegrationStore;
  readonly hostTokens: HostTokenStore;
  readonly access: AccessStore;
  readonly groups: GroupStore;
  readonly roles: RoleStore;
  readonly events: EventStore;
  readonly audit: AuditStore;
  /** Whether the store can still answer. */
  healthy(): Promise<boolean>;
  vitals(): Promise<StoreVitals>;
  /** Finishes what was accepted, then releases the file. Later calls reject. */
  close(): Promise<void>;
}

/** What a store tells of itself, for metrics. */
export interface StoreVitals {
  /** Writes that wait for their commit. */
  readonly waiting: number;
  /** Bytes of the database. */
  readonly databaseBytes: number;
  /** Bytes of the log of what is not in the database's own file yet. */
  readonly logBytes: number;
  /** Bytes that the store may still use of its disk; null when it is on none. */
  readonly availableBytes: number | null;
}

/** Hears of a store's work while it does it. */
export interface StoreObserver {
  /** Called once when the disk begins to refuse writes, and once, with null, when it takes them again. */
  onTrouble(trouble: Error | null): void;
  /** Called after every commit: how many writes it holds, and how long it took until it was on disk, in seconds. */
  onBatch(writes: number, seconds: number): void;
  /**
   * Called once when it is not known any more what is on disk, or nothing can be written any more; the message says which.
   * Writes are refused from then on; the process must end, so that the next one goes on with what the disk has.
   */
  onFailed(cause: Error): void;
}

/** The store cannot be opened; the message tells the operator why and what to do. */
export class StoreRefusedError extends Error {
  override readonly name: string = "StoreRefusedError";
}

/** A secret's hash and its life. */
export interface NewExchangeToken {
  readonly hash: Uint8Array;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Lets a repeated call find the answer to the first one. */
export interface IdempotentCall {
  readonly callerId: string;
  readonly method: string;
  readonly keyHash: Uint8Array;
  /** Hash of the request: another request under the same key is refused. */
  readonly requestHash: Uint8Array;
  /** The answer to keep, encrypted: it holds secrets. */
  readonly answer: Uint8Array;
  readonly expiresAt: number;
}

export interface RunnerFilter {
  /** Values inside one list are alternatives, lists must all match, an empty list matches everything. */
  readonly creatorIds: readonly string[];
  readonly kinds: readonly RunnerKind[];
  readonly providers: readonly RunnerProvider[];
}

export interface RunnerStore {
  /**
   * Registers a runner with its first exchange token. With `call`, a repetition registers nothing and resolves
   * to the answer kept for the first call.
   */
  create(
    grant: RunnerCreation,
    runner: Runner,
    token: NewExchangeToken,
    call?: IdempotentCall,
  ): Promise<{ replay: Uint8Array | null }>;
  /** At once where the runner was read before and has not changed. The caller must not change what this gives. */
  get(organizationId: string, id: string): Awaitable<Runner | null>;
  /** Newest first. */
  list(scope: RunnerScope, filter: RunnerFilter, page: Page): Promise<Rows<Runner>>;
  /** The exchange token that matters to a runner that has never renewed: the one used last, else the newest. */
  bootstrapToken(organizationId: string, id: string): Promise<BootstrapToken | null>;
  /** What the runner said can be configured on it: the bytes of `gitpod.v1.RunnerConfigurationSchema`; null before it did. */
  configurationSchema(organizationId: string, id: string): Promise<Uint8Array | null>;
  /** Applies the change to the runner as it is when the write runs; null when it is gone. */
  update(runner: Authorized<"update">, change: RunnerChange, now: number): Promise<Runner | null>;
  /** Marks the runner as winding down; false when it is gone. */
  requestDeletion(runner: Authorized<"delete">, now: number): Promise<boolean>;
  /** Removes the runner, and ends its tokens; false when it is gone already. */
  remove(runner: Authorized<"delete">, now: number): Promise<boolean>;
}

/** What a renewal or a transition makes durable. */
export interface LeaseChange extends Pick<DurableChange, "state" | "generation" | "phase" | "sinceMs"> {
  readonly runnerId: string;
  readonly organizationId: string;
  readonly lastSeenMs: number;
  readonly appliedSpecRevision: number;
  /** Absent: the runner reported nothing. */
  readonly report?: RunnerReportChange;
  /** Absent: as for the report. */
  readonly configuration?: ReportedConfiguration;
  /** Set when the runner signs off. */
  readonly signOffReason?: string;
  /** Watchers are not told now: announce() does it later. */
  readonly quiet?: boolean;
  readonly now: number;
}

/** A lease of an earlier run of the server. */
export interface CarriedLease extends LeaseFacts {
  readonly organizationId: string;
  readonly specRevision: number;
  readonly configurationRevision: number;
}

/** Runners without a live lease, by provider and by how it ended. */
export interface OfflineCounts {
  readonly counts: readonly {
    readonly provider: RunnerProvider;
    readonly state: LeaseState;
    readonly runners: number;
    readonly stale: number;
  }[];
  /** Where the next page begins; null after the last one. */
  readonly next: string | null;
}

export interface LeaseStore {
  /** Null when the runner is gone. `keyReplaced`: secrets that were sealed to the key of before cannot be read any more. */
  record(change: LeaseChange): Promise<{ readonly keyReplaced: boolean } | null>;
  /** Tells watchers that the status of these runners changed; those that are gone are left out. */
  announce(
    runners: readonly { readonly id: string; readonly organizationId: string }[],
    now: number,
  ): Promise<void>;
  /** Runners whose lapse is on record and was never told: the run that was to announce it did not live to. */
  unannounced(): Promise<readonly { readonly id: string; readonly organizationId: string }[]>;
  /** Who was heard, and when: kept roughly, in batches, so that it survives a restart. */
  saveLastSeen(seen: readonly LastSeen[]): Promise<void>;
  /** The leases that were live when the server stopped. */
  carryOver(): Promise<readonly CarriedLease[]>;
  /** How long leases of the last run may be, as saveLongestLeases() has it; what it never named is left out. */
  longestLeases(): Promise<readonly LongestLease[]>;
  saveLongestLeases(longest: readonly LongestLease[]): Promise<void>;
  /** Writes down that an operator has ended the incident of a provider's runners: they are gone. */
  noteAcknowledged(operator: OperatorGrant, provider: RunnerProvider, now: number): Promise<void>;
  /** Counts this start against leases that it carried over unheard. The next record or last seen of one takes its count back. */
  countRestart(runnerIds: readonly string[]): Promise<void>;
  /** The runners that are being deleted. */
  deleting(): Promise<readonly Runner[]>;
  /**
   * Counts runners that hold no live lease, as far as that is on record: those of some hundred ids, so that others get
   * their turn between the pages of many.
   * @param staleBefore wall-clock milliseconds: offline since before it counts as stale
   */
  countOffline(staleBefore: number, page: Page): Promise<OfflineCounts>;
  /** Runners whose lease ended, or that were created and never renewed, before a time; a page of them, oldest id first. */
  offlineSince(before: number, page: Page): Promise<readonly Runner[]>;
}

export interface TokenStore {
  /** With the state of its holder, so that suspending an account ends all its tokens at once. */
  findAccessToken(hash: Uint8Array): Promise<PresentedToken | null>;
  /** An exchange token for a runner; earlier ones stay valid. False when the runner is gone. */
  addExchangeToken(runner: Authorized<"mintToken">, token: NewExchangeToken): Promise<boolean>;
  /**
   * Uses up an exchange token and gives out an access token for its runner.
   * @throws DomainError `unauthenticated` when it is unknown, used or expired.
   */
  exchange(claim: ExchangeClaim): Promise<ExchangeToken>;
  addAccessToken(token: NewAccessToken): Promise<void>;
  /** Newest first, revoked ones included: those of users and service accounts, or of one subject. */
  listAccessTokens(organizationId: string, subjectId?: string): Promise<readonly AccessToken[]>;
  /**
   * Forgets tokens that ended before a time, some hundred of them: they answer "unknown" from then on.
   * @returns how many; call again while there are any
   */
  forgetEnded(before: number): Promise<number>;
  /**
   * The runners that had a token revoked at or after a time; `cutOff` are those that no live one is left to.
   */
  runnersRevokedSince(since: number): Promise<readonly { runnerId: string; cutOff: boolean }[]>;
  /** Changes whenever a token may have been revoked: here, or by another process such as `rollcall token revoke`. */
  revocationMark(): string;
  /** False when there is no such live token in the organisation of `by`. */
  revokeAccessToken(by: Attribution, id: string, now: number): Promise<boolean>;
}

export interface ExchangeClaim extends Claimant {
  readonly hash: Uint8Array;
  readonly access: { readonly id: string; readonly hash: Uint8Array };
  readonly from: Pick<Attribution, "sourceAddress" | "userAgent">;
  readonly now: number;
}

/** How a store turns a value into bytes and back. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** The values that a store keeps whole; the schema of their bytes is the contract's. */
export interface RunnerCodecs {
  readonly spec: Codec<RunnerSpec>;
  readonly report: Codec<RunnerReport>;
}
