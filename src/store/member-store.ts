import type { Member, MemberField, MemberFilter, MemberScope } from "../domain/organizations/member.ts";
import type { Organization } from "../domain/organizations/organization.ts";
import type { Page } from "../domain/paging/cursor.ts";
import type { Sorting } from "../domain/paging/sort.ts";
import type { Rows } from "./rows.ts";

/** An organisation as those see it who belong to it. */
export interface MemberStore {
  organization(scope: MemberScope): Promise<Organization | null>;
  /** In the order that is asked for; those of one name in the order of their ids. */
  list(
    scope: MemberScope,
    filter: MemberFilter,
    sorting: Sorting<MemberField>,
    page: Page,
  ): Promise<Rows<Member>>;
  /** How many the whole list has; counts to `limit` at most. */
  count(scope: MemberScope, filter: MemberFilter, limit: number): Promise<number>;
}
