/** Does what concerns many things some at a time, one batch after the other: at once it would hold the event loop. */
export async function inBatches<T>(
  all: readonly T[],
  size: number,
  work: (some: readonly T[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < all.length; from += size) await work(all.slice(from, from + size));
}
