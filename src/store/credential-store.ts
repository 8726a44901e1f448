import type { Attribution } from "../domain/access/attribution.ts";
import type { Subject } from "../domain/access/principal.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { AccessToken } from "../domain/tokens/access-token.ts";
import type { TokenScope } from "../domain/tokens/scope.ts";
import type { Rows } from "./rows.ts";

export interface NewAccessToken extends Omit<AccessToken, "lastUsedAt" | "revokedAt" | "revokedFor"> {
  readonly hash: Uint8Array;
  /** Who mints it. */
  readonly by: Attribution;
}

/** A token as its holder sees it. */
export interface HeldToken extends AccessToken {
  readonly creator: Subject;
}

/** The tokens of users and service accounts that were not revoked, as their holders and admins see them. */
export interface CredentialStore {
  get(scope: TokenScope, id: string): Promise<HeldToken | null>;
  /**
   * Newest first, expired ones included.
   * @param subjectIds tokens of any of these; empty means of everybody in the scope
   */
  list(scope: TokenScope, subjectIds: readonly string[], page: Page): Promise<Rows<HeldToken>>;
  /** When tokens were used last: kept in batches, and never set back. */
  saveLastUsed(uses: readonly { readonly tokenId: string; readonly atMs: number }[]): Promise<void>;
}
