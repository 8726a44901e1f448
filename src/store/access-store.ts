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
}
