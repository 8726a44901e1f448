import type { Page } from "../domain/paging/cursor.ts";
import type { AuthorizedUser, OperatorGrant } from "../domain/users/rights.ts";
import type { User, UserStatus } from "../domain/users/user.ts";
import type { Rows } from "./rows.ts";

export interface UserStore {
  get(organizationId: string, id: string): Promise<User | null>;
  /** A user of any organisation. */
  find(grant: OperatorGrant, id: string): Promise<User | null>;
  /** Newest first; null lists the users of every organisation. */
  list(grant: OperatorGrant, organizationId: string | null, page: Page): Promise<Rows<User>>;
  /**
   * Makes a member of the organisation, and an admin when `admin` says so.
   * @throws DomainError `not_found` for an unknown organisation, `already_exists` for an email that another user
   *   of the organisation has
   */
  create(grant: OperatorGrant, user: User, admin: boolean): Promise<void>;
  /**
   * Suspends or resumes a user; null when it has left.
   * @throws DomainError `failed_precondition` when the organisation would be left without an active admin
   */
  setStatus(
    user: AuthorizedUser,
    status: typeof UserStatus.ACTIVE | typeof UserStatus.SUSPENDED,
    now: number,
  ): Promise<User | null>;
  /**
   * Marks the user as one who left, takes it from everywhere, ends its tokens, and forgets what was kept for it; false when
   * it has left already.
   * @throws DomainError `failed_precondition` as for setStatus()
   */
  remove(user: AuthorizedUser, now: number): Promise<boolean>;
}
