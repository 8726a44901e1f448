/** Something that every commit leaves true, because it writes both sides of it. */
export interface Agreement {
  /** What is wrong where it does not hold. */
  readonly broken: string;
  /** SQL for the ids of what breaks it. */
  readonly violations: string;
}

/**
 * Things that are created and deleted with an entry in the audit log: which rows of their table are such, and which of
 * these are there still.
 */
const audited = [
  // The server's own runner comes with its organisation (kind 3: RUNNER_KIND_LOCAL_CONFIGURATION).
  { thing: "runner", table: "runners", rows: "kind <> 3", present: "1" },
  // The others come with the organisation, and with the first thing that is shared with an account.
  { thing: "group", table: "groups", rows: "system_managed = 0 AND direct_share = 0", present: "1" },
  {
    thing: "service_account",
    table: "service_accounts",
    rows: "system_managed = 0",
    present: "deleted_at IS NULL",
  },
  // Who left stays (status 3: USER_STATUS_LEFT).
  { thing: "user", table: "users", rows: "1", present: "status <> 3" },
  { thing: "gateway", table: "gateways", rows: "1", present: "1" },
  { thing: "runner_manager", table: "runner_managers", rows: "1", present: "1" },
  { thing: "environment_class", table: "environment_classes", rows: "1", present: "1" },
  { thing: "scm_integration", table: "scm_integrations", rows: "1", present: "1" },
  { thing: "llm_integration", table: "llm_integrations", rows: "1", present: "1" },
  { thing: "host_authentication_token", table: "host_authentication_tokens", rows: "1", present: "1" },
] as const;

/** The audit log and the state: neither has what the other does not know of. */
const lifeCycles = audited.flatMap(({ thing, table, rows, present }): Agreement[] => [
  {
    broken: `${thing}: there, though the audit log says that it was deleted`,
    violations: `SELECT id FROM ${table} AS t WHERE ${present} AND t.id IN ${subjectsOf(`${thing}.delete`)}`,
  },
  {
    broken: `${thing}: there, though the audit log knows of no creation`,
    violations: `SELECT id FROM ${table} AS t
      WHERE ${rows} AND ${sinceLogging("t")} AND t.id NOT IN ${subjectsOf(`${thing}.create`)}`,
  },
  {
    broken: `${thing}: gone, though the audit log says that it was created and not that it was deleted`,
    violations: `SELECT DISTINCT c.subject_id FROM audit_log AS c
      WHERE c.action = '${thing}.create' AND NOT EXISTS (SELECT 1 FROM ${table} WHERE id = c.subject_id AND ${present})
        AND c.subject_id NOT IN ${subjectsOf(`${thing}.delete`)}`,
  },
]);

/** Principal 3 is a runner (domain/access/principal.ts). */
const credentials: readonly Agreement[] = [
  {
    broken: "exchange token of a runner: used without an access token, or an access token without a use",
    violations: "SELECT runner_id FROM exchange_tokens WHERE (used_at IS NULL) <> (access_token_id IS NULL)",
  },
  {
    broken: "runner: more access tokens than the audit log has exchanges",
    violations: `SELECT t.subject_id FROM access_tokens AS t
      WHERE t.principal = 3 AND ${sinceLogging("t")} GROUP BY t.subject_id
      HAVING count(*) > (SELECT count(*) FROM audit_log AS a WHERE a.organization_id = t.organization_id
        AND a.subject_id = t.subject_id AND a.action = 'runner.exchange_token')`,
  },
  {
    broken: "access token: usable, though its runner is gone",
    violations: `SELECT id FROM access_tokens
      WHERE principal = 3 AND revoked_at IS NULL AND subject_id NOT IN (SELECT id FROM runners)`,
  },
  {
    broken: "access token: usable, though the audit log says that it was revoked",
    violations: `SELECT id FROM access_tokens AS t
      WHERE principal <> 3 AND revoked_at IS NULL AND id IN ${subjectsOf("access_token.revoke")}`,
  },
  {
    broken: "access token: there, though the audit log knows of no creation",
    violations: `SELECT id FROM access_tokens AS t
      WHERE principal <> 3 AND ${sinceLogging("t")} AND id NOT IN ${subjectsOf("access_token.create")}`,
  },
];

export const agreements: readonly Agreement[] = [...lifeCycles, ...credentials];

/** Not tied to the row that is looked at, so that SQLite goes through the log once and not once a row. */
function subjectsOf(action: string): string {
  return `(SELECT subject_id FROM audit_log WHERE action = '${action}')`;
}

/**
 * Made after the oldest entry that its organisation still has: what is older may have lost its own to the retention,
 * or come from a version without an audit log.
 */
function sinceLogging(row: string): string {
  return `${row}.created_at > (SELECT min(created_at) FROM audit_log WHERE organization_id = ${row}.organization_id)`;
}
