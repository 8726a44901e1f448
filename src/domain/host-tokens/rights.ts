import type { Attribution } from "../access/attribution.ts";
import { attributionOf, type Caller, isRunner, roleMissing } from "../access/caller.ts";
import { Principal, type Subject } from "../access/principal.ts";
import type { RunnerRole } from "../access/roles.ts";
import { roleOn, runnerNotFound } from "../access/runners.ts";
import { DomainError, invalidField } from "../errors.ts";
import type { Runner } from "../runners/runner.ts";
import { SignIn } from "../scm-integrations/scm-integration.ts";
import { type HostToken, hostTokenNotFound } from "./host-token.ts";

/** What can be done to one host authentication token. */
export type HostTokenAction = "read" | "update" | "delete";

declare const granted: unique symbol;

/** A token together with the proof that a caller may do `Action` to it. Only {@link authorizeHostToken} makes one. */
export type AuthorizedHostToken<Action extends HostTokenAction> = HostToken & {
  readonly [granted]: Action;
  readonly by: Attribution;
};

/** Which tokens a caller sees. */
export interface HostTokenScope {
  readonly organizationId: string;
  /** Those on this runner alone; null: on any. */
  readonly onlyRunnerId: string | null;
  /** Null: all of them. Else its own, and those on runners that it is admin of, by itself or by its groups. */
  readonly visibleTo: { readonly subjectId: string; readonly groupIds: readonly string[] } | null;
}

/** Who a token is to be stored for, as a request names it; empty texts and 0 are what was not sent. */
export interface NamedSubject {
  readonly id: string;
  readonly principal: number;
  /** Replaced by the other two. */
  readonly userId: string;
}

/**
 * Whose token is stored on a runner that the caller may use: the caller's, or one that the runner got for somebody who signed in through it.
 * @throws DomainError `invalid` for names that contradict each other, `permission_denied` for the name of another
 */
export function authorizeHostTokenCreation(caller: Caller, named: NamedSubject, source: number): Subject {
  const { id, principal, userId } = named;
  if (id !== "" && userId !== "" && id !== userId) {
    throw invalidField("user_id", "host_token.subject.one", "must be left out, or be the subject");
  }
  const wanted = id === "" ? userId : id;
  if (isRunner(caller)) {
    if (source !== SignIn.OAUTH) throw oauthOnly();
    const kind = principal === Principal.UNSPECIFIED ? Principal.USER : principal;
    if (wanted === "" || (kind !== Principal.USER && kind !== Principal.SERVICE_ACCOUNT)) {
      throw invalidField(
        "subject",
        "host_token.subject.account",
        "must be the user or service account that signed in",
      );
    }
    return { id: wanted, principal: kind };
  }
  const other = principal !== Principal.UNSPECIFIED && principal !== caller.principal;
  if (wanted !== "" && (wanted !== caller.id || other)) {
    throw new DomainError("permission_denied", "a token can be stored for yourself alone", {
      reason: "NOT_YOURSELF",
    });
  }
  return { id: caller.id, principal: caller.principal };
}

/**
 * Proves that the caller may do `action` to the token.
 * @param token as stored, or null when there is none
 * @param runner the runner that it is on, as stored
 * @param shared the highest role that a group of the caller holds on the runner
 * @throws DomainError `not_found` for what the caller may not see, `permission_denied` for what it sees but may not do
 */
export function authorizeHostToken<Action extends HostTokenAction>(
  caller: Caller,
  action: Action,
  token: HostToken | null,
  { runner, shared }: { readonly runner: Runner | null; readonly shared: RunnerRole | null },
): AuthorizedHostToken<Action> {
  if (token === null || runner === null) throw hostTokenNotFound();
  const role = roleOn(caller, runner, shared);
  const own = token.subject.id === caller.id;
  const itself = isRunner(caller) && role !== null;
  if (!own && !itself && role !== "admin") throw hostTokenNotFound();
  if (itself) {
    if (action !== "read" && token.source !== SignIn.OAUTH) throw oauthOnly();
  } else if (action === "update") {
    // Nobody plants a credential on somebody else, or on a runner that it may not use any more.
    if (!own) throw roleMissing("whose token it is");
    if (role === null) throw runnerNotFound();
  }
  return { ...token, by: attributionOf(caller) } as AuthorizedHostToken<Action>;
}

/** The tokens that a list may show the caller. */
export function hostTokenScope(caller: Caller): HostTokenScope {
  const { organizationId, id, authority } = caller;
  if (isRunner(caller)) return { organizationId, onlyRunnerId: id, visibleTo: null };
  const visibleTo = authority.runnersAdmin ? null : { subjectId: id, groupIds: authority.groupIds };
  return { organizationId, onlyRunnerId: null, visibleTo };
}

function oauthOnly(): DomainError {
  return new DomainError("permission_denied", "a runner stores, changes and deletes OAuth tokens alone", {
    reason: "RUNNER_TOKEN",
  });
}
