import { randomFillSync } from "node:crypto";

const piecesOfPool = 128;

/**
 * Hands out random bytes: asking the system for many costs little more than for a few.
 * @param size bytes of a piece
 * @returns a piece that no other caller was given or will be; it is good until the next one is asked for
 */
export function randomPool(
  size: number,
  fill: (bytes: Uint8Array) => Uint8Array = randomFillSync,
): () => Uint8Array {
  const pool = Buffer.alloc(size * piecesOfPool);
  const piece = Buffer.alloc(size);
  let taken = pool.length;
  return () => {
    if (taken === pool.length) {
      fill(pool);
      taken = 0;
    }
    pool.copy(piece, 0, taken, taken + size);
    // What became a secret is not kept beside it.
    pool.fill(0, taken, taken + size);
    taken += size;
    return piece;
  };
}
