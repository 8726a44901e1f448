/**
 * A runner's place in the renewal window, as 30 bits: a hash of its id (FNV-1a, then the finishing mix of
 * MurmurHash3, without which ids made in the same millisecond would bunch). It is kept for life, since a
 * place drawn again every round bunches renewals again.
 */
export function offsetBits(runnerId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < runnerId.length; i++) hash = Math.imul(hash ^ runnerId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 2;
}

const OFFSET_RANGE = 2 ** 30;
/**
 * How early a renewal may come and still count as on its place: a share of the window. It forgives rounding.
 * More would let those who happen to start just before their places renew together for ever.
 */
const EARLY_SHARE = 0.001;

/** The runner's offset in a window of this length, in milliseconds: 0 up to, not including, `windowMs`. */
export function offsetMs(bits: number, windowMs: number): number {
  return (bits / OFFSET_RANGE) * windowMs;
}

/**
 * How long until the next renewal of a runner heard at `now`, so that it comes to its place: within half a
 * window up to a whole one, so the lease's length never depends on it, and no runner renews more than twice a
 * window. A runner on its place waits a whole window; one that joins anywhere else is on its
 * place after two renewals at most.
 * @param now monotonic milliseconds
 */
export function renewAfterMs(bits: number, windowMs: number, now: number): number {
  const sincePlace = modulo(now - offsetMs(bits, windowMs), windowMs);
  const toPlace = windowMs - sincePlace;
  if (toPlace <= windowMs * EARLY_SHARE) return windowMs;
  if (toPlace >= windowMs / 2) return toPlace;
  return (toPlace + windowMs) / 2;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
