import { ForeignResourceType, ResourceType } from "./resources.ts";

/** `gitpod.v1.ResourceRole`, as far as the roles take effect here. docs/access.md lists the others. */
export const ResourceRole = {
  UNSPECIFIED: 0,
  ORG_ADMIN: 1,
  ORG_MEMBER: 2,
  GROUP_ADMIN: 3,
  GROUP_VIEWER: 4,
  RUNNER_ADMIN: 14,
  RUNNER_USER: 17,
  ORG_RUNNERS_ADMIN: 50,
  ORG_GROUPS_ADMIN: 53,
  ORG_AUDIT_LOG_READER: 64,
} as const;
export type ResourceRole = (typeof ResourceRole)[keyof typeof ResourceRole];

/** What a group can hold on a runner: the roles that runner policies show. */
export type RunnerRole = typeof ResourceRole.RUNNER_ADMIN | typeof ResourceRole.RUNNER_USER;
export const runnerRoles: readonly RunnerRole[] = [ResourceRole.RUNNER_ADMIN, ResourceRole.RUNNER_USER];

export function isRunnerRole(role: number): role is RunnerRole {
  return role === ResourceRole.RUNNER_ADMIN || role === ResourceRole.RUNNER_USER;
}

/** Every role that can be granted, by the type of resource that it is about. */
const rolesAbout: ReadonlyMap<number, readonly number[]> = new Map<number, readonly number[]>([
  [ResourceType.ORGANIZATION, [1, 2, 50, 51, 52, 53, 64, 66, 67, 68, 69]],
  [ResourceType.GROUP, [3, 4]],
  [ResourceType.USER, [6, 7]],
  [ResourceType.RUNNER, [14, 15, 16, 17, 18]],
  [ResourceType.SERVICE_ACCOUNT, [33]],
  [ForeignResourceType.ENVIRONMENT, [9, 10, 11, 12]],
  [ForeignResourceType.PROJECT, [21, 22, 23]],
  [ForeignResourceType.TASK, [28, 29, 30, 31]],
  [ForeignResourceType.SERVICE, [24, 25, 26, 27]],
  [ResourceType.HOST_AUTHENTICATION_TOKEN, [19, 20]],
  [ForeignResourceType.AGENT_EXECUTION, [35, 36, 37, 46, 65]],
  [ForeignResourceType.AGENT, [38, 39, 40]],
  [ForeignResourceType.ENVIRONMENT_SESSION, [60, 61]],
  [ForeignResourceType.WORKFLOW, [41, 42, 43, 47]],
  [ForeignResourceType.SNAPSHOT, [44, 45]],
  [ForeignResourceType.WEBHOOK, [48, 49]],
  [ForeignResourceType.WARM_POOL, [54, 55, 56]],
  [ForeignResourceType.SECURITY_POLICY, [70, 71]],
]);

/**
 * Whether a group can be given `role` on a resource of the type. Roles that a thing has by being what it is
 * (`..._IDENTITY`) cannot be given, nor those about teams, which the contract has no resource type for.
 */
export function canBeGranted(role: number, resourceType: number): boolean {
  return rolesAbout.get(resourceType)?.includes(role) ?? false;
}

/** What a role on the organisation amounts to on each of its resources of a type; null when to nothing. */
export function derivedRole(orgRole: number, resourceType: number): ResourceRole | null {
  if (resourceType === ResourceType.RUNNER) {
    const everyRunner = orgRole === ResourceRole.ORG_ADMIN || orgRole === ResourceRole.ORG_RUNNERS_ADMIN;
    return everyRunner ? ResourceRole.RUNNER_ADMIN : null;
  }
  if (resourceType === ResourceType.GROUP) {
    const everyGroup = orgRole === ResourceRole.ORG_ADMIN || orgRole === ResourceRole.ORG_GROUPS_ADMIN;
    return everyGroup ? ResourceRole.GROUP_ADMIN : null;
  }
  return null;
}

/** The roles on the organisation that amount to something on its resources. */
export const derivingRoles: readonly ResourceRole[] = [
  ResourceRole.ORG_ADMIN,
  ResourceRole.ORG_RUNNERS_ADMIN,
  ResourceRole.ORG_GROUPS_ADMIN,
];
