import type { EventRecord } from "../domain/events/event.ts";
import type { EventStore } from "../store/event-store.ts";
import type { EventSource, Portion, Watch } from "./watch.ts";

/** Events of an organisation that stay in memory for all of its watchers together. */
const tailLength = 1024;
/** Rows of one read. */
const readLimit = 256;

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

  /** Sequence up to which the feed has read. */
  get head(): number {
    return this.#head;
  }

  /** Reads what is new and wakes the watchers. @param newest where the table ends now */
  async advance(newest: number): Promise<void> {
    if (newest <= this.#head) return;
    for (let more = true; more; ) {
      const events = await this.#store.read(this.#organizationId, this.#head, tailLength);
      more = events.length === tailLength;
      const last = events.at(-1)?.sequence ?? 0;
      this.#tail.push(...events);
      this.#head = more ? last : Math.max(newest, last);
      const dropped = this.#tail.splice(0, Math.max(0, this.#tail.length - tailLength)).at(-1);
      if (dropped !== undefined) this.#tailFrom = dropped.sequence;
    }
    for (const watch of this.watches) watch.wake();
  }

  /** Events after a position. A position that the tail has left behind costs a read of its own. */
  async after(position: number): Promise<Portion> {
    if (position >= this.#tailFrom) {
      const start = this.#tail.findIndex(({ sequence }) => sequence > position);
      const events = start < 0 ? [] : this.#tail.slice(start, start + readLimit);
      const more = start >= 0 && start + readLimit < this.#tail.length;
      return { events, through: more ? (events.at(-1)?.sequence ?? position) : this.#head };
    }
    const head = this.#head;
    const events = await this.#store.read(this.#organizationId, position, readLimit);
    const last = events.at(-1)?.sequence ?? position;
    return { events, through: events.length === readLimit ? last : Math.max(last, head) };
  }
}
