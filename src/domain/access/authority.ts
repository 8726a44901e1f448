import { Principal } from "./principal.ts";
import { ResourceRole } from "./roles.ts";

/** What is stored about an account's standing in an organisation. */
export interface Grants {
  /** The groups that it belongs to. */
  readonly groupIds: readonly string[];
  /** The roles that these groups hold on the organisation. */
  readonly organizationRoles: readonly number[];
}

/** What a caller may do in its organisation, whatever the resource. */
export interface Authority {
  /** Everything. */
  readonly orgAdmin: boolean;
  /** Sees the organisation's groups and members, and may register runners. */
  readonly member: boolean;
  /** Is admin of every runner. */
  readonly runnersAdmin: boolean;
  /** Is admin of every group but those that hold power over the organisation. */
  readonly groupsAdmin: boolean;
  /** May read the audit log. */
  readonly auditReader: boolean;
  /** The groups whose roles on single resources the caller has. */
  readonly groupIds: readonly string[];
}

/** May do nothing but what its token is for. Runners have this. */
export const noAuthority: Authority = {
  orgAdmin: false,
  member: false,
  runnersAdmin: false,
  groupsAdmin: false,
  auditReader: false,
  groupIds: [],
};

/** Whether roles of groups count for such a caller; nothing of theirs needs to be read for the others. */
export function holdsRoles(principal: Principal): boolean {
  return principal === Principal.USER || principal === Principal.SERVICE_ACCOUNT;
}

/** What a caller of this kind with these grants may do. */
export function authorityOf(principal: Principal, grants: Grants): Authority {
  if (!holdsRoles(principal)) return noAuthority;
  const has = (role: ResourceRole) => grants.organizationRoles.includes(role);
  const orgAdmin = has(ResourceRole.ORG_ADMIN);
  return {
    orgAdmin,
    member: orgAdmin || has(ResourceRole.ORG_MEMBER),
    runnersAdmin: orgAdmin || has(ResourceRole.ORG_RUNNERS_ADMIN),
    groupsAdmin: orgAdmin || has(ResourceRole.ORG_GROUPS_ADMIN),
    auditReader: orgAdmin || has(ResourceRole.ORG_AUDIT_LOG_READER),
    groupIds: grants.groupIds,
  };
}
