import type { Attribution } from "../domain/access/attribution.ts";
import type { ResourceType } from "../domain/access/resources.ts";
import type { SigningKey } from "../domain/keys/signing-key.ts";

/** A credential that is verified elsewhere and never comes back here, such as an id token. */
export interface IssuedToken {
  readonly by: Attribution;
  /** What was done, such as `id_token.create`. */
  readonly action: string;
  readonly subjectType: ResourceType;
  readonly subjectId: string;
  readonly now: number;
}

/** The server's own keys. They belong to no organisation. */
export interface KeyStore {
  /** Newest first. */
  all(): Promise<readonly SigningKey[]>;
  /**
   * Puts a new key into place: the others sign until it becomes active, and `drop` are forgotten.
   * @param by who asked for it; null when the schedule did
   */
  rotate(key: SigningKey, drop: readonly string[], by: Attribution | null): Promise<void>;
  /** Forgets keys whose signatures have all expired. */
  forget(ids: readonly string[]): Promise<void>;
  /** Writes down that a token was signed; it must be on record before it is given out. */
  recordIssue(token: IssuedToken): Promise<void>;
}
