import { hash } from "node:crypto";
import { authorityOf, holdsRoles, noAuthority } from "../../domain/access/authority.ts";
import type { Caller } from "../../domain/access/caller.ts";
import { usableToken, usableUntil } from "../../domain/tokens/access-token.ts";
import type { Awaitable } from "../../lib/awaitable.ts";
import type { Clock } from "../../lib/clock.ts";
import { Recent } from "../../lib/recent.ts";
import type { Store } from "../../store/store.ts";
import { bearer, type Client } from "./context.ts";

/** Whom a token stands for, with what its groups allow it. */
export type Identity = Omit<Caller, keyof Client>;

/** Where callers are looked up. */
export type CallerSource = Pick<Store, "tokens" | "access">;

interface Known {
  readonly identity: Identity;
  /** Until when that holds if nothing is changed, in wall-clock milliseconds. */
  readonly until: number;
}

/** Tokens of one generation; two are kept, some 400 bytes a token. Enough for the largest fleet. */
const defaultCapacity = 200_000;

/**
 * Who is calling. A token that was used before is known without asking the store, until anything changes that the
 * rights of callers depend on: each call asks for the store's mark, so a revoked token is refused by the next call,
 * by whatever call it was revoked.
 */
export class Callers {
  readonly #source: CallerSource;
  readonly #clock: Clock;
  /** By the token's hash: what is in memory must not be of use to who reads it, either. */
  readonly #known: Recent<Known>;
  #mark = -1;

  constructor(source: CallerSource, clock: Clock, capacity: number = defaultCapacity) {
    this.#source = source;
    this.#clock = clock;
    this.#known = new Recent(capacity);
  }

  /**
   * The caller that an Authorization header stands for: at once when it is known, else a promise.
   * @throws DomainError `unauthenticated`, or rejects with it
   */
  identify(authorization: string | null): Awaitable<Identity> {
    const key = hash("sha256", bearer(authorization), "latin1");
    const mark = this.#source.access.mark();
    if (mark !== this.#mark) this.#forgetAll(mark);
    const known = this.#known.get(key);
    return known !== undefined && this.#clock.now() < known.until ? known.identity : this.#lookUp(key, mark);
  }

  async #lookUp(key: string, mark: number): Promise<Identity> {
    const { tokens, access } = this.#source;
    const token = usableToken(await tokens.findAccessToken(Buffer.from(key, "latin1")), this.#clock.now());
    const { subjectId: id, principal, organizationId, readOnly, id: tokenId, certificateName } = token;
    // Runners hold no roles, and there are many more of their calls.
    const authority = holdsRoles(principal)
      ? authorityOf(principal, await access.grantsOf(organizationId, id))
      : noAuthority;
    const identity = { id, principal, organizationId, readOnly, tokenId, certificateName, authority };
    // What was read before a change must not be taken for what holds after it.
    if (access.mark() === mark) this.#known.set(key, { identity, until: usableUntil(token) });
    return identity;
  }

  #forgetAll(mark: number): void {
    this.#known.clear();
    this.#mark = mark;
  }
}
