import { createHash } from "node:crypto";
import { ResourceOperation } from "../access/resources.ts";
import type { EventRecord } from "./event.ts";

/**
 * Wants events of one type; ids and creators narrow it down when they are given. The contract has no creator of what is
 * deleted: a deletion is wanted, no matter who the creator was.
 */
export interface EventFilterEntry {
  readonly resourceType: number;
  readonly resourceIds: readonly string[];
  readonly creatorIds: readonly string[];
}

/** What a watch is about. */
export interface EventSelection {
  /** Null: the whole organisation. */
  readonly environmentId: string | null;
  /** Alternatives; none of them means everything. */
  readonly entries: readonly EventFilterEntry[];
}

/** Compiles a selection, which is asked for every event by every watcher. To change what it says is to raise `watchRules` of cursor.ts. */
export function selects({ environmentId, entries }: EventSelection): (event: EventRecord) => boolean {
  // This server has no environments, so nothing ever happens in one.
  if (environmentId !== null) return () => false;
  if (entries.length === 0) return () => true;
  const compiled = entries.map(({ resourceType, resourceIds, creatorIds }) => ({
    resourceType,
    ids: anyOf(resourceIds),
    creators: anyOf(creatorIds),
  }));
  return ({ operation, resourceType, resourceId, creatorId }) =>
    compiled.some(
      (entry) =>
        entry.resourceType === resourceType &&
        entry.ids(resourceId) &&
        (operation === ResourceOperation.DELETE || entry.creators(creatorId)),
    );
}

/** Tells selections apart: a cursor belongs to the one that it was made for. */
export function selectionKey({ environmentId, entries }: EventSelection): string {
  const parts = entries.map(({ resourceType, resourceIds, creatorIds }) => [
    resourceType,
    resourceIds,
    creatorIds,
  ]);
  return createHash("sha256")
    .update(JSON.stringify([environmentId, parts]))
    .digest("base64url")
    .slice(0, 16);
}

/** UUIDs match in either case; an empty list matches everything. */
function anyOf(ids: readonly string[]): (id: string) => boolean {
  if (ids.length === 0) return () => true;
  const wanted = new Set(ids.map((id) => id.toLowerCase()));
  return (id) => wanted.has(id);
}
