import { networkOf } from "../../domain/limits/call-limits.ts";
import type { Connection } from "./connection.ts";

/** So long a connection may take to show a good token before it has to go for others, in milliseconds. */
const firstTokenMs = 2_000;

/**
 * Connections over which no call came with a good token. Each address has a share of them; when it opens one more, one of its own
 * has to go. So a flood of connections displaces itself, and a load balancer behind the same address is still answered.
 * The oldest goes first, and only one that had its chance: that was answered without a token, or took longer than
 * `firstTokenMs` to show one. Thousands of runners behind one address, which all come back at once, have not yet.
 */
export class Strangers {
  readonly #perAddress: number;
  readonly #now: () => number;
  readonly #all = new Crowd();
  readonly #byAddress = new Map<string, Crowd>();

  /** @param now monotonic milliseconds */
  constructor(perAddress: number, now: () => number) {
    this.#perAddress = perAddress;
    this.#now = now;
  }

  add(connection: Connection): void {
    const address = networkOf(connection.remoteAddress);
    let own = this.#byAddress.get(address);
    if (own === undefined) {
      own = new Crowd();
      this.#byAddress.set(address, own);
    }
    const now = this.#now();
    own.since.set(connection, now);
    this.#all.since.set(connection, now);
  }

  /** A call on it is over, and it has not shown a token. */
  answered(connection: Connection): void {
    if (!this.#all.since.has(connection)) return;
    this.#all.answered.add(connection);
    this.#byAddress.get(networkOf(connection.remoteAddress))?.answered.add(connection);
  }

  /** It showed a token, or is closed. */
  remove(connection: Connection): void {
    const address = networkOf(connection.remoteAddress);
    const own = this.#byAddress.get(address);
    for (const crowd of [this.#all, own]) {
      crowd?.since.delete(connection);
      crowd?.answered.delete(connection);
    }
    if (own?.since.size === 0) this.#byAddress.delete(address);
  }

  /** The connection that has to go for a new one of this address, if one has to. */
  beyondShare(remoteAddress: string): Connection | undefined {
    const own = this.#byAddress.get(networkOf(remoteAddress));
    return own === undefined || own.since.size <= this.#perAddress ? undefined : this.#first(own);
  }

  /** The connection of any address that has to go first. */
  first(): Connection | undefined {
    return this.#first(this.#all);
  }

  #first({ since, answered }: Crowd): Connection | undefined {
    const [oldest] = since;
    if (oldest !== undefined && this.#now() - oldest[1] > firstTokenMs) return oldest[0];
    const [one] = answered;
    return one;
  }
}

/** The connections of one address, or of all. */
class Crowd {
  /** When each was accepted, the oldest first. */
  readonly since = new Map<Connection, number>();
  /** Those over which a call was answered, in the order in which they were. */
  readonly answered = new Set<Connection>();
}
