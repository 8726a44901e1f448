/**
 * Longest life of anything that the keys sign, in milliseconds: a key stays published for so long after its last
 * signature.
 */
export const longestTokenMs = 60 * 60 * 1000;

/** How far a verifier's clock may be from ours, in milliseconds. */
export const clockSkewMs = 5 * 60 * 1000;

/** How long a verifier may keep the key set before it asks again, in milliseconds. */
export const keySetCacheMs = 5 * 60 * 1000;

/**
 * How long a new key is published before it signs, in milliseconds: verifiers that keep the key set for longer
 * than they are told have still seen the key when the first token comes.
 */
export const publishedAheadMs = 60 * 60 * 1000;

/** A key pair that signs tokens. Times are wall-clock milliseconds. */
export interface SigningKey {
  /** The `kid` of what it signs. */
  readonly id: string;
  /** The public half as the members of a JWK (RFC 7517), without `kid`, `use` and `alg`. */
  readonly publicJwk: Readonly<Record<string, string>>;
  /** PKCS #8, encrypted under the server key. */
  readonly sealedPrivateKey: Uint8Array;
  readonly createdAt: number;
  /** It signs from then on; it is published before. */
  readonly activeFrom: number;
  /** When its successor takes over; null while it has none. */
  readonly retiredAt: number | null;
}

/** What a key is for at a moment. */
export type KeyState = "next" | "active" | "retired";

export function keyState(key: SigningKey, now: number): KeyState {
  if (now < key.activeFrom) return "next";
  return key.retiredAt !== null && now >= key.retiredAt ? "retired" : "active";
}

/** Whether something that the key signed may still be valid somewhere, or will be signed. */
export function isPublished(key: SigningKey, now: number): boolean {
  return key.retiredAt === null || now < key.retiredAt + longestTokenMs + clockSkewMs;
}

/**
 * The key to sign with: the newest active one. A wall clock that was set back finds all keys in the future; then
 * the oldest signs, since verifiers have known it longest. Undefined when there is none at all.
 */
export function signingKeyAt(keys: readonly SigningKey[], now: number): SigningKey | undefined {
  const byStart = [...keys].sort((a, b) => b.activeFrom - a.activeFrom);
  return byStart.find((key) => keyState(key, now) === "active") ?? byStart.at(-1);
}

/**
 * Whether the schedule wants a new key now: one is made ahead of the time that the present one has signed for
 * `everyMs`, unless its successor waits already.
 */
export function rotationDue(keys: readonly SigningKey[], everyMs: number, now: number): boolean {
  if (keys.length === 0 || keys.some((key) => keyState(key, now) === "next")) return false;
  const newest = Math.max(...keys.map((key) => key.activeFrom));
  return now >= newest + everyMs - publishedAheadMs;
}
