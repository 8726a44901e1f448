import { join } from "node:path";
import Database from "better-sqlite3";

/** An entry as it is stored: the API shows neither source nor agent, and no more than one organisation. */
export interface StoredEntry {
  readonly organizationId: string;
  readonly actorId: string;
  readonly actorPrincipal: number;
  readonly action: string;
  readonly subjectType: number;
  readonly subjectId: string;
  readonly kind: number;
  readonly createdAt: number;
  readonly sourceAddress: string;
  readonly userAgent: string;
}

/** The audit log of every organisation of a running server. */
export interface AuditRecording {
  /** What was written since the last time, in the order of writing. */
  take(): StoredEntry[];
  close(): void;
}

export function recordAudit(dataDir: string): AuditRecording {
  const database = new Database(join(dataDir, "rollcall.db"), { readonly: true });
  const after = database.prepare(`SELECT rowid, organization_id AS organizationId, actor_id AS actorId,
    actor_principal AS actorPrincipal, action, subject_type AS subjectType, subject_id AS subjectId, kind,
    created_at AS createdAt, source_address AS sourceAddress, user_agent AS userAgent
    FROM audit_log WHERE rowid > ? ORDER BY rowid`);
  let last = 0;
  return {
    take() {
      const rows = after.all(last) as (StoredEntry & { readonly rowid: number })[];
      last = rows.at(-1)?.rowid ?? last;
      return rows.map(({ rowid: _, ...entry }) => entry);
    },
    close: () => void database.close(),
  };
}
