import type { Grants } from "../domain/access/authority.ts";
import type { Resource } from "../domain/groups/assignment.ts";

/** What decides who may do what; read at every call of a user or a service account. */
export interface AccessStore {
  /** The groups of the subject, and what they hold on the whole organisation. */
  grantsOf(organizationId: string, subjectId: string): Promise<Grants>;
  /** The roles that any of the groups holds on one resource. */
  rolesOn(
    organizationId: string,
    resource: Resource,
    groupIds: readonly string[],
  ): Promise<readonly number[]>;
  /**
   * A number that is never the same again once a token, its holder, a group or a role may have changed: here, or by
   * another process such as `rollcall token revoke`. Cheap enough to ask for with every call.
   */
  mark(): number;
}
