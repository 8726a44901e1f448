import type { Attribution } from "../access/attribution.ts";
import { attributionOf, type Caller } from "../access/caller.ts";
import { DomainError, invalidField } from "../errors.ts";
import { requireUser } from "./personal-token.ts";

/** What a client keeps for a user under a key. Times are wall-clock milliseconds. */
export interface Preference {
  readonly id: string;
  /** Unique among those of the user. */
  readonly key: string;
  readonly value: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Which preference of a user is meant. */
export type PreferenceName = { readonly id: string } | { readonly key: string };

declare const granted: unique symbol;

/** The proof that a caller is a person, who may read and change what is kept for it: no other caller may. */
export interface OwnSettings {
  readonly [granted]: "own settings";
  readonly by: Attribution;
}

/** @throws DomainError `permission_denied` when the caller is no person */
export function ownSettings(caller: Caller): OwnSettings {
  requireUser(caller);
  return { by: attributionOf(caller) } as OwnSettings;
}

/** How many preferences are kept for one user. */
const most = 1000;

/** @throws DomainError `resource_exhausted` when the user has as many as are kept */
export function refuseMorePreferences(held: number): void {
  if (held < most) return;
  throw new DomainError("resource_exhausted", `there are ${held} preferences already: delete some`, {
    reason: "TOO_MANY_PREFERENCES",
  });
}

/**
 * The preference that a request names: by id or by key, by the deprecated field when it has neither.
 * @throws DomainError `invalid` when it names none
 */
export function preferenceName(
  named:
    | { readonly case: "preferenceId" | "preferenceKey"; readonly value: string }
    | { readonly case: undefined },
  deprecatedId: string,
): PreferenceName {
  if (named.case === "preferenceKey") return { key: named.value };
  const id = named.case === undefined ? deprecatedId : named.value;
  if (id === "") {
    throw invalidField("preference", "preference.named", "must be set: preference_id or preference_key");
  }
  return { id: id.toLowerCase() };
}

/** The error for a preference that the caller does not have. */
export function preferenceNotFound(): DomainError {
  return new DomainError("not_found", "preference not found", { reason: "PREFERENCE_NOT_FOUND" });
}
