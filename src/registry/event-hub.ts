import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "pino";
import type { Clock } from "../domain/clock.ts";
import { DomainError } from "../domain/errors.ts";
import { sameView, type Viewer } from "../domain/events/viewer.ts";
import { usableToken } from "../domain/tokens/access-token.ts";
import type { EventStore } from "../store/event-store.ts";
import type { TokenStore } from "../store/store.ts";
import { EventFeed } from "./event-feed.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { Watch, type WatchOptions } from "./watch.ts";

/** How often changes from outside of this process are looked for, in milliseconds. */
const lookMs = 500;
/** After so many changes, tokens that expire are checked all the same: every so many looks. */
const looksBetweenChecks = 20;
/** How many watches are checked before others get their turn. */
const checkedAtOnce = 500;
/** A resumable stream ends, for the client to take a new cursor, after so many events of the server … */
const spanOfCursor = 100_000;

export interface EventHubOptions {
  readonly events: EventStore;
  readonly tokens: TokenStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** … or after this long: well before the place that its cursor names is removed. Milliseconds. */
  readonly cursorLifeMs: number;
}

/** All open streams of events. It wakes them after each commit, and ends those whose caller may not go on. */
export class EventHub implements Lifecycle {
  readonly #options: EventHubOptions;
  readonly #feeds = new Map<string, EventFeed>();
  #stopListening: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #looks = 0;
  #stopped = false;
  #seen: { events: number; access: number; outside: string };

  constructor(options: EventHubOptions) {
    this.#options = options;
    this.#seen = { events: 0, access: 0, outside: options.tokens.revocationMark() };
  }

  async run(): Promise<void> {
    this.#stopListening = this.#options.events.onCommit(() => this.#committed());
    this.#timer = setInterval(() => this.#look(), lookMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopListening?.();
    clearInterval(this.#timer);
    const closing = new DomainError("unavailable", "the server is shutting down", { retryAfterMs: 1000 });
    for (const watch of this.#all()) watch.end(closing);
    await this.#looking;
  }

  /** Opens a stream; the caller closes it with remove(). */
  async watch(options: Omit<WatchOptions, "openedAt">): Promise<Watch> {
    const { events, clock } = this.#options;
    const { organizationId } = options.viewer;
    const newest = await events.newest();
    let feed = this.#feeds.get(organizationId);
    if (feed === undefined) {
      feed = new EventFeed(events, organizationId, newest);
      this.#feeds.set(organizationId, feed);
    }
    const watch = new Watch({ ...options, openedAt: clock.monotonic() }, feed, () => events.removedThrough());
    feed.watches.add(watch);
    if (this.#stopped) watch.end(new DomainError("unavailable", "the server is shutting down"));
    // What was committed since the caller was identified, and before the watch was known here, missed it.
    await this.#recheck(watch, new Map());
    return watch;
  }

  remove(watch: Watch): void {
    const { organizationId } = watch.options.viewer;
    const feed = this.#feeds.get(organizationId);
    feed?.watches.delete(watch);
    if (feed?.watches.size === 0) this.#feeds.delete(organizationId);
  }

  /** How many streams are open. */
  get size(): number {
    return [...this.#feeds.values()].reduce((sum, { watches }) => sum + watches.size, 0);
  }

  #committed(): void {
    const { events, access } = this.#options.events.changes();
    const written = events !== this.#seen.events;
    const changed = access !== this.#seen.access;
    if (!written && !changed) return;
    this.#seen = { ...this.#seen, events, access };
    this.#then(async () => {
      if (written) await this.#pump();
      if (changed) await this.#check();
    });
  }

  #look(): void {
    const outside = this.#options.tokens.revocationMark();
    const changed = outside !== this.#seen.outside;
    this.#seen = { ...this.#seen, outside };
    this.#looks += 1;
    const due = changed || this.#looks % looksBetweenChecks === 0;
    this.#then(async () => {
      if (changed) await this.#pump();
      if (due) await this.#check();
      this.#endOld();
    });
  }

  /** One thing after the other: what is told keeps its order. */
  #then(work: () => Promise<void>): void {
    this.#looking = this.#looking.then(work).catch((error) => {
      this.#options.log.error({ err: error }, "events could not be read");
    });
  }

  async #pump(): Promise<void> {
    if (this.#feeds.size === 0) return;
    const newest = await this.#options.events.newest();
    for (const feed of this.#feeds.values()) await feed.advance(newest);
  }

  /** Ends the streams whose token or account may not go on; has the others see what they may see now. */
  async #check(): Promise<void> {
    const viewers = new Map<string, Promise<Viewer>>();
    let checked = 0;
    for (const watch of this.#all()) {
      checked += 1;
      if (checked % checkedAtOnce === 0) await nextTurn();
      await this.#recheck(watch, viewers);
    }
  }

  /** @param viewers what one round has found out, by token */
  async #recheck(watch: Watch, viewers: Map<string, Promise<Viewer>>): Promise<void> {
    const key = Buffer.from(watch.options.tokenHash).toString("base64");
    try {
      const asking = viewers.get(key) ?? this.#viewerNow(watch);
      viewers.set(key, asking);
      const viewer = await asking;
      if (sameView(viewer, watch.viewer)) return;
      if (watch.options.resumable) watch.end(null);
      else watch.viewer = viewer;
    } catch (refusal) {
      watch.end(refusal);
    }
  }

  async #viewerNow({ options: { tokenHash, viewer } }: Watch): Promise<Viewer> {
    const { tokens, clock, events } = this.#options;
    usableToken(await tokens.findAccessToken(tokenHash), clock.now());
    return events.viewer(viewer);
  }

  #endOld(): void {
    const now = this.#options.clock.monotonic();
    for (const watch of this.#all()) {
      const { resumable, openedAt, position } = watch.options;
      const old = now - openedAt > this.#options.cursorLifeMs || watch.delivered - position > spanOfCursor;
      if (resumable && old) watch.end(null);
    }
  }

  *#all(): Iterable<Watch> {
    for (const { watches } of [...this.#feeds.values()]) yield* [...watches];
  }
}
