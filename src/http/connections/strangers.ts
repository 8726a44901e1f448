import { networkOf } from "../../domain/limits/call-limits.ts";
import type { Connection } from "./connection.ts";

/** How long a connection has to show a token before it can be closed for another one, in milliseconds. */
const graceMs = 2_000;

/**
 * Connections over which no call came with a good token, the oldest first. Each address has a share of them; when it
 * opens one more, its oldest one is closed. So a flood of connections displaces itself, and a load balancer behind the same address
 * is still answered: a new connection is the last to go. (One that is kept busy does not become younger.) Thousands of
 * runners behind one address that come back at once are not a flood: each of them has the time to show its token.
 */
export class Strangers {
  readonly #perAddress: number;
  readonly #now: () => number;
  /** When each came, in milliseconds. */
  readonly #all = new Map<Connection, number>();
  readonly #byAddress = new Map<string, Set<Connection>>();

  /** @param now a monotonic time, in milliseconds */
  constructor(perAddress: number, now: () => number) {
    this.#perAddress = perAddress;
    this.#now = now;
  }

  /** @returns the connection that has to go for it, if one has to */
  add(connection: Connection): Connection | undefined {
    const address = networkOf(connection.remoteAddress);
    let own = this.#byAddress.get(address);
    if (own === undefined) {
      own = new Set();
      this.#byAddress.set(address, own);
    }
    const now = this.#now();
    own.add(connection);
    this.#all.set(connection, now);
    const oldest = own.size > this.#perAddress ? first(own) : undefined;
    return oldest !== undefined && now - (this.#all.get(oldest) ?? now) >= graceMs ? oldest : undefined;
  }

  /** It showed a token, or is closed. */
  remove(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    const address = networkOf(connection.remoteAddress);
    const own = this.#byAddress.get(address);
    own?.delete(connection);
    if (own?.size === 0) this.#byAddress.delete(address);
  }

  oldest(): Connection | undefined {
    return first(this.#all.keys());
  }
}

function first<T>(all: Iterable<T>): T | undefined {
  const [one] = all;
  return one;
}
