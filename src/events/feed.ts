import { isEventsLost } from "../domain/events/cursor.ts";
import type { EventRecord } from "../domain/events/event.ts";
import type { EventStore } from "../store/event-store.ts";
import type { EventSource, Portion, Watch } from "./watch.ts";

/** Events of an organisation that stay in memory for all of its watchers together. */
const tailLength = 1024;
/** Events of one portion: a watch keeps no more than these while its client does not read. */
const portionLength = 64;

/** The events of one organisation: the newest in memory, read once for everybody, older ones from the table. */
export class EventFeed implements EventSource {
  readonly watches = new Set<Watch>();
  readonly #store: EventStore;
  readonly #organizationId: string;
  #tail: EventRecord[] = [];
  /** The tail holds every event after this one. */
  #tailFrom: number;
  #head: number;

  /** @param head where the table ends now */
  constructor(store: EventStore, organizationId: string, head: number) {
    this.#store = store;
    this.#organizationId = organizationId;
    this.#tailFrom = head;
    this.#head = head;
  }

  /** Sequence up to which events are given out. */
  get head(): number {
    return this.#head;
  }

  /** Reads what is new and wakes the watchers. @param through nothing after this is given out yet */
  async advance(through: number): Promise<void> {
    if (through <= this.#head) return;
    try {
      while (this.#head < through) await this.#extend(through);
    } catch (error) {
      if (!isEventsLost(error)) throw error;
      // Written and removed since the last look. The tail is reset, so that each watch asks the table from its own place:
      // those that are behind the gap are told of it, those that began after it go on.
      this.#tail = [];
      this.#tailFrom = through;
      this.#head = through;
    }
    for (const watch of this.watches) watch.wake();
  }

  async #extend(through: number): Promise<void> {
    const { events, through: read } = await this.#read(this.#head, through, tailLength);
    this.#tail.push(...events);
    this.#head = read;
    const dropped = this.#tail.splice(0, Math.max(0, this.#tail.length - tailLength)).at(-1);
    if (dropped !== undefined) this.#tailFrom = dropped.sequence;
  }

  /**
   * Events after a position. A position that the tail has left behind costs a read of its own.
   * @throws DomainError EVENTS_LOST when some of them are no longer kept
   */
  async after(position: number): Promise<Portion> {
    if (position >= this.#tailFrom) return this.#tailAfter(position);
    return this.#read(position, this.#head, portionLength);
  }

  #tailAfter(position: number): Portion {
    // From the end: nearly every watch has read all but the last few.
    const start = this.#tail.findLastIndex(({ sequence }) => sequence <= position) + 1;
    const events = this.#tail.slice(start, start + portionLength);
    const more = start + portionLength < this.#tail.length;
    return { events, through: more ? (events.at(-1)?.sequence ?? position) : this.#head };
  }

  async #read(after: number, through: number, limit: number): Promise<Portion> {
    const rows = await this.#store.read(this.#organizationId, after, limit);
    const last = rows.at(-1)?.sequence ?? after;
    // What was committed in the meantime is not given out before its watchers' rights were looked at.
    const events = last <= through ? rows : rows.filter(({ sequence }) => sequence <= through);
    return { events, through: rows.length === limit && last < through ? last : through };
  }
}
