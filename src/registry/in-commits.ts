/** Runners of a whole fleet that are written in one commit: some milliseconds of the event loop. */
const atOnce = 1_000;

/** Writes what concerns a whole fleet some at a time, in commits of their own: one would hold the event loop. */
export async function inCommits<T>(
  all: readonly T[],
  write: (some: readonly T[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < all.length; from += atOnce) await write(all.slice(from, from + atOnce));
}
