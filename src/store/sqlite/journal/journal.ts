import { and, inArray } from "drizzle-orm";
import type { Attribution } from "../../../domain/access/attribution.ts";
import type { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import { showingRoles } from "../../../domain/events/audience.ts";
import type { IdSource } from "../../../lib/ids.ts";
import { onResource } from "../access/resource-grants.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { ChangeCounts } from "../engine/writer-messages.ts";
import { auditLog, events, roleAssignments } from "../schema.ts";

/** One thing that somebody did. */
export interface AuditEntry {
  readonly by: Attribution;
  /** What was done, as `thing.verb`, such as `runner.create`. */
  readonly action: string;
  readonly subjectType: ResourceType;
  readonly subjectId: string;
  readonly kind: AuditKind;
  /** Wall-clock milliseconds. */
  readonly now: number;
}

/** One thing that watchers are told. */
export interface EventEntry {
  readonly organizationId: string;
  readonly operation: ResourceOperation;
  readonly resourceType: ResourceType;
  readonly resourceId: string;
  /** Whoever made the resource: watchers filter by it. */
  readonly creatorId: string;
  /** The runner that the resource is set up on: who may see the resource follows from it. */
  readonly runner?: { readonly id: string; readonly creator: { readonly id: string } };
  /** Who else could see the resource until it went away. */
  readonly lastSeenBy?: readonly string[];
  /** Nobody was given a role on the resource yet, so that nobody has to be looked for. */
  readonly isNew?: boolean;
  readonly now: number;
}

/** Writes down what a change did, inside the transaction of the change: neither exists without the other. */
export interface Journal {
  audit(entry: AuditEntry): void;
  event(entry: EventEntry): void;
}

/** The actions that change nobody's permissions; all others are taken to, so that none is forgotten. */
const harmless: ReadonlySet<string> = new Set([
  "runner.create",
  "runner.update",
  "runner.request_deletion",
  "runner.create_exchange_token",
  "user.set_preference",
  "user.delete_preference",
  "user.set_dotfiles",
  ...["environment_class", "scm_integration", "llm_integration", "host_authentication_token"].flatMap(
    (thing) => [`${thing}.create`, `${thing}.update`, `${thing}.delete`],
  ),
]);

/** @param counts of what is written, counted up here */
export function journal(connection: Connection, newId: IdSource, counts: ChangeCounts): Journal {
  const insertAudit = connection.insert(auditLog).values(columnPlaceholders(auditLog)).prepare();
  const { sequence: _, ...eventColumns } = columnPlaceholders(events);
  const insertEvent = connection.insert(events).values(eventColumns).prepare();
  // The roles are part of the statement: a list that SQLite has to read as JSON costs more than the look-up.
  const holders = new Map<ResourceType, ReturnType<typeof holdersOf>>();
  function holdersOf(about: ResourceType) {
    const { resourceType, roles } = showingRoles(about);
    if (roles.length === 0) return () => [];
    const held = connection
      .selectDistinct({ groupId: roleAssignments.groupId })
      .from(roleAssignments)
      .where(and(onResource, inArray(roleAssignments.role, [...roles])))
      .prepare();
    return (on: { organizationId: string; resourceId: string }) => held.all({ ...on, resourceType });
  }
  function audienceOf({ resourceType, resourceId, organizationId, runner, ...entry }: EventEntry) {
    const { isNew = false, lastSeenBy = [] } = entry;
    const named = runner === undefined ? lastSeenBy : [...lastSeenBy, runner.id, runner.creator.id];
    if (isNew) return named;
    const find = holders.get(resourceType) ?? holdersOf(resourceType);
    holders.set(resourceType, find);
    const held = find({ organizationId, resourceId: runner?.id ?? resourceId });
    return [...held.map(({ groupId }) => groupId), ...named];
  }
  return {
    audit({ by, now, ...entry }) {
      if (!harmless.has(entry.action)) counts.access += 1;
      insertAudit.run({
        ...entry,
        id: newId(),
        organizationId: by.organizationId,
        actorId: by.actor.id,
        actorPrincipal: by.actor.principal,
        sourceAddress: by.sourceAddress,
        userAgent: by.userAgent,
        createdAt: now,
      });
    },
    event(entry) {
      const { now, lastSeenBy: _, isNew: _isNew, runner: _runner, ...columns } = entry;
      insertEvent.run({ ...columns, audience: JSON.stringify(audienceOf(entry)), createdAt: now });
    },
  };
}
