import type { Page } from "../domain/paging/cursor.ts";
import type { AuthorizedServiceAccount, ServiceAccountScope } from "../domain/service-accounts/rights.ts";
import type {
  ServiceAccount,
  ServiceAccountChange,
  ServiceAccountFilter,
} from "../domain/service-accounts/service-account.ts";
import type { OperatorGrant, OrgAdminGrant } from "../domain/users/rights.ts";
import type { Rows } from "./rows.ts";

/**
 * Accounts that were deleted are read like the others, and changed no more. Changes reject with `already_exists` for a
 * name that another account of the organisation has which is not deleted.
 */
export interface ServiceAccountStore {
  get(scope: ServiceAccountScope, id: string): Promise<ServiceAccount | null>;
  /** Newest first. */
  list(scope: ServiceAccountScope, filter: ServiceAccountFilter, page: Page): Promise<Rows<ServiceAccount>>;
  create(grant: OrgAdminGrant, account: ServiceAccount): Promise<void>;
  /** Null when it is gone. */
  update(
    account: AuthorizedServiceAccount,
    change: ServiceAccountChange,
    now: number,
  ): Promise<ServiceAccount | null>;
  /** Marks the account as deleted, takes it from everywhere, and ends its tokens; false when it is gone already. */
  remove(account: AuthorizedServiceAccount, now: number): Promise<boolean>;
  /** Bars an account of any organisation, or lets it act again; null when there is none. */
  setSuspended(
    grant: OperatorGrant,
    id: string,
    suspended: boolean,
    now: number,
  ): Promise<ServiceAccount | null>;
  /** Removes accounts that were deleted before then, `limit` at most; resolves to how many. */
  removeBefore(time: number, limit: number): Promise<number>;
}
