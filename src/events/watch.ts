import { setImmediate as nextTurn } from "node:timers/promises";
import type { EventRecord } from "../domain/events/event.ts";
import { mayKnow, sameView, type Viewer } from "../domain/events/viewer.ts";

export interface WatchOptions {
  readonly viewer: Viewer;
  /** The access token that the stream was opened with. */
  readonly tokenHash: Uint8Array;
  readonly selects: (event: EventRecord) => boolean;
  /** The client will come back with a cursor, so the viewer must not change in the middle of the stream. */
  readonly resumable: boolean;
  /** Sequence after which it begins. */
  readonly position: number;
  /** Monotonic milliseconds. */
  readonly openedAt: number;
}

/** What one read brought: the events, and up to where that is all of them. */
export interface Portion {
  readonly events: readonly EventRecord[];
  readonly through: number;
}

/** Where a watch reads: the events of its organisation, in their order. */
export interface EventSource {
  /** Sequence up to which there is something to read. */
  readonly head: number;
  /** @throws DomainError EVENTS_LOST when some of them are no longer kept */
  after(position: number): Promise<Portion>;
}

/** Whether, as whom and until when a client may watch. */
export interface WatchRights {
  readonly viewer: Viewer;
  /** Wall-clock milliseconds; Infinity when no end is set. */
  readonly usableUntil: number;
}

/** One open stream of events. It keeps a position and one portion, however much its client has not read yet. */
export class Watch {
  readonly options: WatchOptions;
  readonly #feed: EventSource;
  #viewer: Viewer;
  #position: number;
  #delivered: number;
  #wake: (() => void) | undefined;
  #usableUntil = Number.POSITIVE_INFINITY;
  #over: { readonly reason: unknown } | undefined;

  constructor(options: WatchOptions, feed: EventSource) {
    this.options = options;
    this.#feed = feed;
    this.#viewer = options.viewer;
    this.#position = options.position;
    this.#delivered = options.position;
  }

  /** When its rights end if nothing changes, in wall-clock milliseconds. */
  get usableUntil(): number {
    return this.#usableUntil;
  }

  /** Goes on with other rights: a resumable stream only with those that its cursor was made for. */
  renew({ viewer, usableUntil }: WatchRights): void {
    this.#usableUntil = usableUntil;
    if (sameView(viewer, this.#viewer)) return;
    if (this.options.resumable) this.end(null);
    else this.#viewer = viewer;
  }

  /** Sequence up to which the client got everything that it may know. */
  get delivered(): number {
    return this.#delivered;
  }

  wake(): void {
    this.#wake?.();
  }

  /** Ends the stream: with an error, or without one when `reason` is null. What was not sent is not sent any more. */
  end(reason: unknown): void {
    this.#over ??= { reason };
    this.#wake?.();
  }

  /**
   * The events to send, one by one, for as long as the stream lasts.
   * @throws what end() was given, what the feed throws, or the reason of the signal
   */
  async *events(signal: AbortSignal): AsyncGenerator<EventRecord, void> {
    for (;;) {
      if (this.#isOver(signal)) return;
      if (this.#position >= this.#feed.head) {
        await this.#untilWoken(signal);
        continue;
      }
      const { events, through } = await this.#feed.after(this.#position);
      this.#position = through;
      for (const event of events) {
        // Asked again before each one: a client may take minutes to read a few.
        if (this.#isOver(signal)) return;
        if (this.#wants(event)) yield event;
        this.#delivered = event.sequence;
      }
      this.#delivered = through;
      // A client far behind must not keep the others waiting.
      if (through < this.#feed.head) await nextTurn();
    }
  }

  #wants(event: EventRecord): boolean {
    return this.options.selects(event) && mayKnow(this.#viewer, event);
  }

  #isOver(signal: AbortSignal): boolean {
    if (this.#over !== undefined && this.#over.reason !== null) throw this.#over.reason;
    if (signal.aborted) throw signal.reason;
    return this.#over !== undefined;
  }

  async #untilWoken(signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake?.();
    signal.addEventListener("abort", wake, { once: true });
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    signal.removeEventListener("abort", wake);
  }
}
