// The domain imports no generated code, so it names the enum numbers of the contract itself;
// test/domain/enums.test.ts holds them against the generated ones.

/** `gitpod.v1.ResourceType`, as far as this server has such things. */
export const ResourceType = {
  UNSPECIFIED: 0,
  RUNNER: 2,
  ORGANIZATION: 7,
  USER: 8,
  ENVIRONMENT_CLASS: 9,
  RUNNER_SCM_INTEGRATION: 10,
  HOST_AUTHENTICATION_TOKEN: 11,
  GROUP: 12,
  PERSONAL_ACCESS_TOKEN: 13,
  SERVICE_ACCOUNT: 15,
  RUNNER_LLM_INTEGRATION: 20,
  ROLE_ASSIGNMENT_CHANGED: 40,
  GROUP_MEMBERSHIP_CHANGED: 41,
  SERVICE_ACCOUNT_TOKEN: 46,
  ROLE_ASSIGNMENT: 47,
} as const;
export type ResourceType = (typeof ResourceType)[keyof typeof ResourceType];

/** `gitpod.v1.ResourceOperation`. */
export const ResourceOperation = {
  CREATE: 1,
  UPDATE: 2,
  DELETE: 3,
  UPDATE_STATUS: 4,
} as const;
export type ResourceOperation = (typeof ResourceOperation)[keyof typeof ResourceOperation];

/** `gitpod.v1.AuditLogEntryKind`, as far as this server writes them. */
export const AuditKind = {
  RESOURCE_CHANGE: 3,
  CREDENTIAL_ACCESS: 4,
} as const;
export type AuditKind = (typeof AuditKind)[keyof typeof AuditKind];

/** Resource types of systems that share the contract: roles on them are kept and given back, without effect here. */
export const ForeignResourceType = {
  ENVIRONMENT: 1,
  PROJECT: 3,
  TASK: 4,
  SERVICE: 6,
  AGENT_EXECUTION: 19,
  AGENT: 21,
  ENVIRONMENT_SESSION: 22,
  WORKFLOW: 33,
  SNAPSHOT: 36,
  WEBHOOK: 42,
  WARM_POOL: 48,
  SECURITY_POLICY: 50,
} as const;
