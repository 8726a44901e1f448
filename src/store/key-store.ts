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

/** A value that the server's key encrypts. */
export interface SealedValue {
  readonly sealed: Uint8Array;
  /** What it is bound to, and opens with alone; empty: nothing. */
  readonly context: string;
}

/** A value that the server's key encrypts, and where it is. */
export interface SealedThing extends SealedValue {
  readonly what:
    | "metrics password"
    | "signing key"
    | "kept answer"
    | "host authentication token"
    | "refresh token of a host";
  /** Of the runner, of the signing key, of whoever called, or of the host authentication token. */
  readonly id: string;
}

/** Something that is to be encrypted by another key. */
export interface ResealedThing extends SealedThing {
  /** The same secret under the other key; the value of before leaves it as it is, null gives it up. */
  readonly next: Uint8Array | null;
}

/** The server's own keys. They belong to no organisation. */
export interface KeyStore {
  /** What tells the key that encrypts what is kept here from every other; null when that was never noted. */
  serverKeyDigest(): Promise<Uint8Array | null>;
  /** Everything that the server's key encrypts. */
  sealed(): Promise<readonly SealedThing[]>;
  /**
   * Notes another key, and puts what is encrypted under it: everything in one commit, or nothing.
   * @param things what {@link sealed} has just given, all of it
   * @param by who wants it; null when it is not to be on record
   * @throws DomainError `aborted` when something is encrypted that is not among the things
   */
  reseal(
    digest: Uint8Array,
    things: readonly ResealedThing[],
    by: { readonly action: string; readonly attribution: Attribution; readonly now: number } | null,
  ): Promise<void>;
  /** Newest first. */
  all(): Promise<readonly SigningKey[]>;
  /**
   * Puts a new key into place: the others sign until it becomes active, and `drop` are forgotten.
   * @param by who asked for it; null when the schedule did
   */
  rotate(key: SigningKey, drop: readonly string[], by: Attribution | null): Promise<void>;
  /** Forgets keys whose signatures have all expired. */
  forget(ids: readonly string[]): Promise<void>;
  /** Writes down that tokens were signed; each must be on record before it is given out. */
  recordIssues(tokens: readonly IssuedToken[]): Promise<void>;
}
