import type { Connection } from "../engine/open.ts";

/**
 * @returns what reads the sequence of the newest event that ever was in the file, of any organisation; 0 before the first.
 *   On the main thread it may be one of a commit that this thread has not been told of yet.
 */
export function newestEvent({ $client: client }: Connection): () => number {
  // Kept by AUTOINCREMENT: it stays when the rows go.
  const newest = client
    .prepare<[], number>("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)")
    .pluck();
  return () => newest.get() ?? 0;
}
