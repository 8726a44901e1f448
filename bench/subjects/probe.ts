import v8 from "node:v8";

// Loaded into every measured process of ours with --import: tells its parent, when asked, what the process has used
// since it started. The server itself knows nothing of it.

/** What a process has used since its start. */
export interface Use {
  /** User and system time of all threads, in microseconds. */
  readonly cpuUs: number;
  /** What was ever allocated on the heap of the main thread, in bytes; null where nobody knows. */
  readonly allocatedBytes: number | null;
}

process.on("message", (question) => {
  if (question !== "use") return;
  const { user, system } = process.cpuUsage();
  const heap: { total_allocated_bytes?: number } = v8.getHeapStatistics();
  const use: Use = { cpuUs: user + system, allocatedBytes: heap.total_allocated_bytes ?? null };
  process.send?.(use);
});
