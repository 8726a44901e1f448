import type { Clock } from "../../lib/clock.ts";
import { DomainError } from "../errors.ts";
import { RateLimiter } from "./rate-limiter.ts";

/** Calls a second; 0 is no limit. */
export interface CallRates {
  /** With one access token. */
  readonly perToken: number;
  /** From one address, of the calls that no valid token answers for. */
  readonly perAddress: number;
  /** So many seconds' worth may come at once. */
  readonly burstSeconds: number;
}

export const defaultCallRates: CallRates = { perToken: 500, perAddress: 100, burstSeconds: 5 };

export type LimitedBy = "token" | "address";

/**
 * How often callers may call. A call with a valid token counts for its token alone: thousands of runners share an
 * address behind a gateway, and must not be held to what one stranger may do. Everything else, refused tokens and
 * methods that take none, counts for the address.
 */
export class CallLimits {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #limiters: Readonly<Record<LimitedBy, RateLimiter | null>>;
  /** Of calls that are answered however often they come, so that they use up nothing of what others may call. */
  readonly #always: RateLimiter | null;
  readonly #refused: Record<LimitedBy, number> = { token: 0, address: 0 };

  constructor(rates: CallRates, clock: Pick<Clock, "monotonic">) {
    const limiter = (perSecond: number) =>
      perSecond === 0
        ? null
        : new RateLimiter({ perSecond, burst: Math.max(perSecond * rates.burstSeconds, 1) });
    this.#clock = clock;
    this.#limiters = { token: limiter(rates.perToken), address: limiter(rates.perAddress) };
    this.#always = limiter(rates.perAddress);
  }

  /** Calls refused since the start. */
  get refused(): Readonly<Record<LimitedBy, number>> {
    return this.#refused;
  }

  /** @throws DomainError RATE_LIMITED */
  countToken(tokenId: string): void {
    this.#count("token", tokenId);
  }

  /** @throws DomainError RATE_LIMITED */
  countAddress(address: string): void {
    this.#count("address", networkOf(address));
  }

  /**
   * Counts a call that is answered however often it comes, apart from all others: a load balancer and runners that
   * exchange their tokens may share an address. @returns whether such calls come too often to be logged
   */
  noteAddress(address: string): boolean {
    return (this.#always?.take(networkOf(address), this.#clock.monotonic()) ?? 0) > 0;
  }

  #count(by: LimitedBy, key: string): void {
    const waitMs = this.#limiters[by]?.take(key, this.#clock.monotonic()) ?? 0;
    if (waitMs === 0) return;
    this.#refused[by] += 1;
    throw rateLimited(by, waitMs);
  }
}

function rateLimited(by: LimitedBy, waitMs: number): DomainError {
  return new DomainError("resource_exhausted", `too many calls from this ${by}`, {
    reason: "RATE_LIMITED",
    retryAfterMs: Math.ceil(waitMs),
  });
}

/** A client of IPv6 commands a whole /64, so that is what counts as its address. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(8 - front.length - back.length, 0);
  const groups = [...front, ...Array<string>(zeros).fill("0"), ...back];
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
