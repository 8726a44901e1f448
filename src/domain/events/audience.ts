import { ResourceType } from "../access/resources.ts";
import { ResourceRole, runnerRoles } from "../access/roles.ts";

/** Roles on a resource, any of which shows an event to the members of the group that holds it. */
export interface ShowingRoles {
  /** What the roles are held on: an event about the members of a group names the group, one about a class its runner. */
  readonly resourceType: ResourceType;
  readonly roles: readonly number[];
}

const none: readonly number[] = [];

/** Through which roles members of a group learn of a change. Roles without effect here show nothing. */
export function showingRoles(resourceType: ResourceType): ShowingRoles {
  switch (resourceType) {
    case ResourceType.RUNNER:
    case ResourceType.ENVIRONMENT_CLASS:
    case ResourceType.RUNNER_SCM_INTEGRATION:
    case ResourceType.RUNNER_LLM_INTEGRATION:
      return { resourceType: ResourceType.RUNNER, roles: runnerRoles };
    case ResourceType.HOST_AUTHENTICATION_TOKEN:
      // Who only uses the runner sees no tokens of others.
      return { resourceType: ResourceType.RUNNER, roles: [ResourceRole.RUNNER_ADMIN] };
    case ResourceType.GROUP:
    case ResourceType.GROUP_MEMBERSHIP_CHANGED:
      return {
        resourceType: ResourceType.GROUP,
        roles: [ResourceRole.GROUP_ADMIN, ResourceRole.GROUP_VIEWER],
      };
    case ResourceType.ROLE_ASSIGNMENT_CHANGED:
      // A caller that only sees a group does not see what it holds.
      return { resourceType: ResourceType.GROUP, roles: [ResourceRole.GROUP_ADMIN] };
    default:
      return { resourceType, roles: none };
  }
}
