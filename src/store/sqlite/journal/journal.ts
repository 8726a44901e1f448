import type { Attribution } from "../../../domain/access/attribution.ts";
import type { AuditKind, ResourceOperation, ResourceType } from "../../../domain/access/resources.ts";
import type { IdSource } from "../../../lib/ids.ts";
import type { Connection } from "../engine/open.ts";
import { columnPlaceholders } from "../engine/statements.ts";
import type { ChangeCounts } from "../engine/writer-messages.ts";
import { auditLog, events } from "../schema.ts";

/** One thing that a caller or an operator did. */
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
  /** The account that made the resource: watchers filter by it. */
  readonly creatorId: string;
  /** The runner that the resource is set up on: who may see the resource follows from it. */
  readonly runner?: { readonly id: string; readonly creator: { readonly id: string } };
  /** Who else could see the resource until it went away. */
  readonly lastSeenBy?: readonly string[];
  /** No group was given a role on the resource yet, so that none has to be looked for. */
  readonly isNew?: boolean;
  readonly now: number;
}

/** Writes down what a change did, inside the transaction of the change: neither exists without the other. */
export interface Journal {
  audit(entry: AuditEntry): void;
  event(entry: EventEntry): void;
}

/** The actions that change no permissions; all others are taken to, so that none is forgotten. */
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

/** The groups whose members are told of a change of a resource, by their roles on it. */
export type GroupsShown = (
  resourceType: ResourceType,
  on: { readonly organizationId: string; readonly resourceId: string },
) => readonly string[];

/** @param counts of what is written, counted up here */
export function openJournal(
  connection: Connection,
  newId: IdSource,
  counts: ChangeCounts,
  groupsShown: GroupsShown,
): Journal {
  const insertAudit = connection.insert(auditLog).values(columnPlaceholders(auditLog)).prepare();
  const { sequence: _, ...eventColumns } = columnPlaceholders(events);
  const insertEvent = connection.insert(events).values(eventColumns).prepare();
  function audienceOf({ resourceType, resourceId, organizationId, runner, ...entry }: EventEntry) {
    const { isNew = false, lastSeenBy = [] } = entry;
    const named = runner === undefined ? lastSeenBy : [...lastSeenBy, runner.id, runner.creator.id];
    if (isNew) return named;
    const on = { organizationId, resourceId: runner?.id ?? resourceId };
    return [...groupsShown(resourceType, on), ...named];
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
