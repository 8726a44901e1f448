import type { Logger } from "pino";
import { Chore, type Lifecycle } from "../lib/chore.ts";
import type { Clock } from "../lib/clock.ts";
import { inBatches } from "../lib/in-batches.ts";
import type { IssuedToken, KeyStore } from "../store/key-store.ts";

const hourMs = 60 * 60 * 1000;
/** How often it is looked whether an hour is over, in milliseconds. */
const lookMs = 60_000;
/** Audiences that one access token gets entries of its own for in an hour; all further ones share one. */
const audiencesOfOne = 64;
/** What is remembered in all, some 300 bytes each. More begins a new hour early. */
const mostKept = 100_000;
/** Counts that are written together: all at once would hold up what other callers write. */
const perWrite = 500;

/** Tokens for one audience that one access token asked for within an hour. */
interface Issued {
  readonly first: IssuedToken;
  /** Settles once the first one is on record. */
  readonly recorded: Promise<void>;
  more: number;
}

/** What one token is asked with and for. */
export interface Issue {
  /** The access token of the caller. */
  readonly tokenId: string;
  readonly audience: string | readonly string[];
  readonly token: IssuedToken;
}

export interface IssueLogOptions {
  readonly keys: Pick<KeyStore, "recordIssues">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Puts on record that tokens are signed for other systems. An entry for each would let one caller fill the disk: so there is
 * one for the first token of an hour with the same access token, for the same audience, before it is given out; and when
 * the hour is over one that counts the others, as `id_token.create +41`.
 */
export class IssueLog implements Lifecycle {
  readonly #options: IssueLogOptions;
  #issued = new Map<string, Issued>();
  /** How many entries each access token has in #issued, by action. */
  #audiences = new Map<string, number>();
  #hour = Number.NaN;
  readonly #look: Chore;

  constructor(options: IssueLogOptions) {
    this.#options = options;
    this.#look = new Chore(
      lookMs,
      options.clock,
      () => this.#turn(),
      (error) => options.log.error({ err: error }, "signed tokens could not be counted"),
    );
  }

  async run(): Promise<void> {
    await this.#look.run();
  }

  async stop(): Promise<void> {
    await this.#look.stop();
    await this.#count();
  }

  /** Resolves once a token may be given out. */
  async record({ tokenId, audience, token }: Issue): Promise<void> {
    // Not waited for: what it counts was given out long ago.
    void this.#turn();
    const who = JSON.stringify([tokenId, token.action]);
    const own = JSON.stringify([who, token.subjectId, audience]);
    const audiences = this.#audiences.get(who) ?? 0;
    const key = this.#issued.has(own) || audiences < audiencesOfOne ? own : who;
    const known = this.#issued.get(key);
    if (known !== undefined) {
      known.more += 1;
      return known.recorded;
    }
    const recorded = this.#options.keys.recordIssues([token]);
    this.#issued.set(key, { first: token, recorded, more: 0 });
    this.#audiences.set(who, audiences + 1);
    // The next one tries again.
    recorded.catch(() => this.#issued.delete(key));
    return recorded;
  }

  async #turn(): Promise<void> {
    const hour = Math.floor(this.#options.clock.now() / hourMs);
    if (hour === this.#hour && this.#issued.size < mostKept) return;
    this.#hour = hour;
    await this.#count();
  }

  async #count(): Promise<void> {
    const over = [...this.#issued.values()].filter(({ more }) => more > 0);
    this.#issued = new Map();
    this.#audiences = new Map();
    const { keys, clock, log } = this.#options;
    const now = clock.now();
    await inBatches(over, perWrite, async (some) => {
      const counts = some.map(({ first, more }) => ({ ...first, action: `${first.action} +${more}`, now }));
      try {
        await keys.recordIssues(counts);
      } catch (error) {
        const more = some.reduce((sum, issued) => sum + issued.more, 0);
        log.error({ err: error, entries: some.length, more }, "signed tokens could not be counted");
      }
    });
  }
}
