import { setImmediate as nextTurn } from "node:timers/promises";
import type { Logger } from "pino";
import { DomainError } from "../domain/errors.ts";
import { defaultQuotas, type Quotas, refuseOver } from "../domain/limits/quotas.ts";
import { usableToken, usableUntil } from "../domain/tokens/access-token.ts";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import type { Clock } from "../lib/clock.ts";
import type { EventStore } from "../store/event-store.ts";
import type { TokenStore } from "../store/store.ts";
import { EventFeed } from "./feed.ts";
import { Watch, type WatchOptions, type WatchRights } from "./watch.ts";

/** How often changes from outside of this process, and deadlines that passed, are looked for, in milliseconds. */
const lookMs = 500;
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
  readonly quotas?: Quotas;
}

/** All open streams of events. It wakes them after each commit, and ends those whose caller may not go on. */
export class EventHub implements Lifecycle {
  readonly #options: EventHubOptions;
  readonly #feeds = new Map<string, EventFeed>();
  #stopListening: (() => void) | undefined;
  readonly #look: Chore;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;
  /** The rights of an account may have changed since the watches were last checked. */
  #rightsChanged = false;
  #seen: { events: number; access: number; outside: string };

  constructor(options: EventHubOptions) {
    this.#options = options;
    this.#seen = { events: 0, access: 0, outside: options.tokens.revocationMark() };
    // Also for what a failed look left behind.
    const look = async () => {
      this.#noticeRights();
      this.#pump();
    };
    this.#look = new Chore(lookMs, options.clock, look, (error) => this.#tell(error));
  }

  async run(): Promise<void> {
    this.#stopListening = this.#options.events.onCommit(() => this.#committed());
    await this.#look.run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopListening?.();
    await this.#look.stop();
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
    // With nothing to wait for until it is counted: others come meanwhile.
    refuseOver(this.#options.quotas ?? defaultQuotas, "eventStreams", feed?.watches.size ?? 0);
    if (feed === undefined) {
      feed = new EventFeed(events, organizationId, newest);
      this.#feeds.set(organizationId, feed);
    }
    const watch = new Watch({ ...options, openedAt: clock.monotonic() }, feed);
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
    const { events } = this.#options.events.changes();
    const written = events !== this.#seen.events;
    this.#noticeRights();
    if (written || this.#rightsChanged) this.#pump();
    this.#seen = { ...this.#seen, events };
  }

  /** Whether the rights of an account may have changed: here, or by another process such as `rollcall token revoke`. */
  #noticeRights(): void {
    const { access } = this.#options.events.changes();
    const outside = this.#options.tokens.revocationMark();
    this.#rightsChanged ||= access !== this.#seen.access || outside !== this.#seen.outside;
    this.#seen = { ...this.#seen, access, outside };
  }

  /** One look after the other: what is told keeps its order. */
  #pump(): void {
    this.#looking = this.#looking.then(() => this.#giveOut()).catch((error) => this.#tell(error));
  }

  #tell(error: unknown): void {
    this.#options.log.error({ err: error }, "events could not be read");
  }

  /**
   * Gives out what is new. Rights are looked at before, and after the end of the table was: so no event reaches
   * a client by rights that were revoked before it, and all that were given before it count.
   */
  async #giveOut(): Promise<void> {
    if (this.#feeds.size === 0) return;
    const newest = await this.#options.events.newest();
    if (this.#rightsChanged) {
      this.#rightsChanged = false;
      await this.#check(this.#all());
    }
    await this.#endDue();
    for (const feed of this.#feeds.values()) await feed.advance(newest);
  }

  /** Ends the streams whose token or account may not go on; has the others see what they may see now. */
  async #check(watches: Iterable<Watch>): Promise<void> {
    const rights = new Map<string, Promise<WatchRights>>();
    let checked = 0;
    for (const watch of watches) {
      checked += 1;
      if (checked % checkedAtOnce === 0) await nextTurn();
      await this.#recheck(watch, rights);
    }
  }

  /** @param known what one round has found out, by token */
  async #recheck(watch: Watch, known: Map<string, Promise<WatchRights>>): Promise<void> {
    const key = Buffer.from(watch.options.tokenHash).toString("base64");
    try {
      const asking = known.get(key) ?? this.#rightsNow(watch);
      known.set(key, asking);
      watch.renew(await asking);
    } catch (refusal) {
      watch.end(refusal);
    }
  }

  async #rightsNow({ options: { tokenHash, viewer } }: Watch): Promise<WatchRights> {
    const { tokens, clock, events } = this.#options;
    const token = usableToken(await tokens.findAccessToken(tokenHash), clock.now());
    return { viewer: await events.viewer(viewer), usableUntil: usableUntil(token) };
  }

  /** Ends the streams whose time is over: that of the token or the account, or that of the cursor. */
  async #endDue(): Promise<void> {
    const now = this.#options.clock.now();
    const expired: Watch[] = [];
    for (const watch of this.#all()) {
      if (now >= watch.usableUntil) expired.push(watch);
      if (watch.options.resumable && this.#isOld(watch)) watch.end(null);
    }
    await this.#check(expired);
  }

  #isOld({ options: { openedAt, position }, delivered }: Watch): boolean {
    const { clock, cursorLifeMs } = this.#options;
    return clock.monotonic() - openedAt > cursorLifeMs || delivered - position > spanOfCursor;
  }

  *#all(): Iterable<Watch> {
    for (const { watches } of [...this.#feeds.values()]) yield* [...watches];
  }
}
