import { authorityOf } from "../../domain/access/authority.ts";
import type { AccessStore } from "../access-store.ts";
import type { EventStore } from "../event-store.ts";

/** Reads what decides which events and audit entries a subject may see: its authority, as every call has it. */
export function viewerReader(access: Pick<AccessStore, "grantsOf">): EventStore["viewer"] {
  return async ({ id, principal, organizationId }) => {
    const authority = authorityOf(principal, await access.grantsOf(organizationId, id));
    const { orgAdmin: admin, member, runnersAdmin, groupsAdmin, auditReader, groupIds } = authority;
    // Sorted: two answers are compared by a resumed watch.
    return {
      id,
      principal,
      organizationId,
      admin,
      member,
      runnersAdmin,
      groupsAdmin,
      auditReader,
      groupIds: groupIds.toSorted(),
    };
  };
}
