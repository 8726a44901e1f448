import type { Subject } from "../domain/access/principal.ts";
import type { AuditFilter, AuditOrder, AuditRecord } from "../domain/audit/entry.ts";
import type { AuditPage } from "../domain/audit/page.ts";
import type { EventRecord } from "../domain/events/event.ts";
import type { Viewer } from "../domain/events/viewer.ts";
import type { Rows } from "./rows.ts";

/** What changed, kept for a while, in the order of the commits. */
export interface EventStore {
  /**
   * Sequence of the newest event that may be given out, of any organisation; 0 before the first. In a process that writes it
   * is the newest one of the commits that {@link changes} tells of, although {@link read} may show later ones already.
   */
  newest(): Promise<number>;
  /**
   * The events of an organisation after a sequence, oldest first: all that there were, up to `limit`.
   * @throws DomainError EVENTS_LOST when some after it were removed, or when the store was put back to a state from before it.
   *   An empty list therefore says that nothing happened, and never only that nothing is left.
   */
  read(organizationId: string, after: number, limit: number): Promise<readonly EventRecord[]>;
  /** Removes up to `limit` of the oldest events, as far as they happened before a time. @returns how many */
  removeBefore(time: number, limit: number): Promise<number>;
  /**
   * What the commits that this process knows of have brought: the sequence of their newest event, and a count of changes to
   * who may do what. That may grow too often, never too seldom. What other processes did shows in `TokenStore.revocationMark`.
   */
  changes(): { readonly events: number; readonly access: number };
  /** Calls back after every commit, until the returned function is called. */
  onCommit(listener: () => void): () => void;
  /** What decides which events and audit entries a subject may see. */
  viewer(who: Subject & { readonly organizationId: string }): Promise<Viewer>;
}

/** Who did what. Entries are written by the methods that do it, and never altered. */
export interface AuditStore {
  list(
    organizationId: string,
    filter: AuditFilter,
    order: AuditOrder,
    page: AuditPage,
  ): Promise<Rows<AuditRecord>>;
  get(organizationId: string, id: string): Promise<AuditRecord | null>;
  /** Removes up to `limit` entries from before a time, oldest first. @returns how many */
  removeBefore(time: number, limit: number): Promise<number>;
}
