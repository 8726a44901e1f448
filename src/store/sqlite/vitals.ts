import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import type { StoreVitals } from "../store.ts";
import type { CommitQueue } from "./commit-queue.ts";

/** How large the database is, and how much is waiting to be written to it. */
export async function storeVitals(database: Database, commits: CommitQueue): Promise<StoreVitals> {
  const pages = Number(database.pragma("page_count", { simple: true }));
  const pageBytes = Number(database.pragma("page_size", { simple: true }));
  const sizes = { waiting: commits.length, databaseBytes: pages * pageBytes };
  if (database.memory) return { ...sizes, logBytes: 0, availableBytes: null };
  const [log, disk] = await Promise.all([
    stat(`${database.name}-wal`).catch(() => null),
    statfs(dirname(database.name)),
  ]);
  return { ...sizes, logBytes: log?.size ?? 0, availableBytes: disk.bavail * disk.bsize };
}
