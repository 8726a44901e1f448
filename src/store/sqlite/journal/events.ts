import { and, asc, eq, gt, sql } from "drizzle-orm";
import { authorityOf } from "../../../domain/access/authority.ts";
import type { ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { eventsLost } from "../../../domain/events/cursor.ts";
import type { AccessStore } from "../../access-store.ts";
import type { EventStore } from "../../event-store.ts";
import type { Commits } from "../engine/commit-queue.ts";
import type { Connection } from "../engine/open.ts";
import type { ChangeCounts } from "../engine/writer-messages.ts";
import { events } from "../schema.ts";

export function eventStore(
  connection: Connection,
  commits: Commits,
  counts: Readonly<ChangeCounts>,
  access: Pick<AccessStore, "grantsOf">,
): EventStore {
  const client = connection.$client;
  // Only a prefix is ever removed: the oldest row says what is missing. One statement, since another process may write between two.
  const isWhole = client
    .prepare<
      { after: number },
      number
    >(`SELECT @after BETWEEN coalesce((SELECT min(sequence) FROM events) - 1, newest) AND newest
      FROM (SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS newest)`)
    .pluck();
  const select = connection
    .select({
      sequence: events.sequence,
      operation: events.operation,
      resourceType: events.resourceType,
      resourceId: events.resourceId,
      creatorId: events.creatorId,
      audience: events.audience,
    })
    .from(events)
    .where(
      and(
        eq(events.organizationId, sql.placeholder("organizationId")),
        gt(events.sequence, sql.placeholder("after")),
      ),
    )
    .orderBy(asc(events.sequence))
    .limit(sql.placeholder("limit"))
    .prepare();
  // Always a prefix of the table, whatever the wall clock did: else no watch could tell what is missing.
  const removePrefix = client.prepare(`DELETE FROM events WHERE sequence <= (
    SELECT max(sequence) FROM (SELECT sequence FROM events ORDER BY sequence LIMIT @limit)
  ) AND sequence < coalesce((
    SELECT min(sequence) FROM (SELECT sequence, created_at FROM events ORDER BY sequence LIMIT @limit)
    WHERE created_at >= @time
  ), 9223372036854775807)`);

  return {
    async newest() {
      // Not the file's: what it shows already may be of a commit whose changes to rights and runners are not known here yet.
      return counts.events;
    },
    async read(organizationId, after, limit) {
      const rows = select.all({ organizationId, after, limit });
      // Looked at after the read: what was removed before it would be missing in it.
      if (isWhole.get({ after }) !== 1) throw eventsLost();
      return rows.map(({ audience, ...row }) => ({
        ...row,
        operation: row.operation as ResourceOperation,
        resourceType: row.resourceType as ResourceType,
        audience: audience === "[]" ? noGroup : JSON.parse(audience),
      }));
    },
    removeBefore: (time, limit) => commits.run(() => removePrefix.run({ time, limit }).changes),
    changes: () => ({ events: counts.events, access: counts.access }),
    onCommit: (listener) => commits.onCommit(listener),
    viewer: viewerReader(access),
  };
}

const noGroup: readonly string[] = [];

/** Reads what decides which events and audit entries a subject may see: its authority, as every call has it. */
function viewerReader(access: Pick<AccessStore, "grantsOf">): EventStore["viewer"] {
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
