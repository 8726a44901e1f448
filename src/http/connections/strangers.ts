import { networkOf } from "../../domain/limits/call-limits.ts";
import type { Connection } from "./connection.ts";

/**
 * Connections over which no call came with a good token, the oldest first. Each address has a share of them; when it
 * opens one more, its oldest one is closed. So a flood of connections displaces itself, and a load balancer behind the same address
 * is still answered: a new connection is the last to go. (One that is kept busy does not become younger.)
 */
export class Strangers {
  readonly #perAddress: number;
  readonly #all = new Set<Connection>();
  readonly #byAddress = new Map<string, Set<Connection>>();

  constructor(perAddress: number) {
    this.#perAddress = perAddress;
  }

  /** @returns the connection that has to go for it, if one has to */
  add(connection: Connection): Connection | undefined {
    const address = networkOf(connection.remoteAddress);
    let own = this.#byAddress.get(address);
    if (own === undefined) {
      own = new Set();
      this.#byAddress.set(address, own);
    }
    own.add(connection);
    this.#all.add(connection);
    return own.size > this.#perAddress ? first(own) : undefined;
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
    return first(this.#all);
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  const [one] = set;
  return one;
}
