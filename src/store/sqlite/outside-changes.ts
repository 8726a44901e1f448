import type { Database } from "better-sqlite3";

/**
 * Counts how often other processes have changed the file, as far as this one has looked. It is looked at once in a turn of
 * the event loop, for all the calls that the turn reads: asking takes SQLite a lock of the kernel.
 */
export function outsideChanges(client: Database): () => number {
  // Changes with every commit of another connection (sqlite.org/pragma.html#pragma_data_version).
  const version = client.prepare("PRAGMA data_version").pluck();
  let seen = version.get();
  let changes = 0;
  let asked = false;
  const nextTurn = () => {
    asked = false;
  };
  return () => {
    if (asked) return changes;
    const now = version.get();
    if (now !== seen) changes += 1;
    seen = now;
    asked = true;
    setImmediate(nextTurn);
    return changes;
  };
}
