import { DomainError } from "../errors.ts";
import type { SecretBox } from "../tokens/seal.ts";
import type { Viewer } from "./viewer.ts";

/**
 * Counts the changes to the rules of which events a watch sends, `mayKnow` and `selects`: what a watch sent by others
 * cannot be counted again.
 */
const watchRules = 2;

/** Where a watch began, and all that decides which events it then sent. */
export interface WatchCursor {
  /** The events after this one. */
  readonly sequence: number;
  readonly selection: string;
  readonly viewer: Viewer;
}

/** A member of more groups gets no cursor: it would not fit into a header. */
const groupsAtMost = 128;
/** Longest count of received events that is looked at: no watch runs for so many. */
const countPattern = /^\d{1,9}$/;

/** Opaque text for a header; null when the viewer is in too many groups. */
export function encodeWatchCursor(cursor: WatchCursor, box: SecretBox): string | null {
  if (cursor.viewer.groupIds.length > groupsAtMost) return null;
  return Buffer.from(box.seal(Buffer.from(JSON.stringify({ ...cursor, rules: watchRules })))).toString(
    "base64url",
  );
}

/**
 * Reads a cursor back.
 * @param who who presents it; it works for the subject that it was given to, whichever token it uses
 * @param received how many messages the client got since
 * @throws DomainError `invalid` when it is damaged, or belongs to another caller or another selection, `aborted` when an
 *   earlier version sent these messages by other rules, so that nothing can tell which they were
 */
export function decodeWatchCursor(
  text: string,
  box: SecretBox,
  who: Pick<Viewer, "id" | "organizationId">,
  selection: string,
  received: number,
): WatchCursor {
  let cursor: WatchCursor & { readonly rules?: number };
  try {
    cursor = JSON.parse(Buffer.from(box.open(Buffer.from(text, "base64url"))).toString());
  } catch {
    throw invalidCursor("is damaged");
  }
  const { viewer } = cursor;
  if (viewer.id !== who.id || viewer.organizationId !== who.organizationId) {
    throw invalidCursor("belongs to another caller");
  }
  if (cursor.selection !== selection) throw invalidCursor("belongs to a watch with another scope or filter");
  if (received > 0 && cursor.rules !== watchRules) throw eventsLost();
  return cursor;
}

/** How many events the client has received since the cursor. @throws DomainError `invalid` */
export function receivedCount(text: string | null): number {
  if (text === null || text === "") return 0;
  if (!countPattern.test(text)) throw invalidCursor("comes with a count that is no whole number");
  return Number(text);
}

/** The error for a cursor that cannot be used. */
export function invalidCursor(why: string): DomainError {
  return new DomainError("invalid", `the watch cursor ${why}; watch again without one`, {
    reason: "WATCH_CURSOR_INVALID",
  });
}

/** The error for a watcher whose place in the record is no longer kept. */
export function eventsLost(): DomainError {
  return new DomainError(
    "aborted",
    "events were missed that are no longer kept; list again, then watch again",
    {
      reason: "EVENTS_LOST",
    },
  );
}

export function isEventsLost(error: unknown): boolean {
  return error instanceof DomainError && error.reason === "EVENTS_LOST";
}
