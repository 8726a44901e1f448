import "./drizzle-loading.ts";

// The script of the thread that writes to the store. What loads Drizzle comes after what says how.

const [{ runnerCodecs }, { serveSqliteWrites }] = await Promise.all([
  import("../rpc/messages/runner.ts"),
  import("../store/sqlite/store.ts"),
]);
serveSqliteWrites(runnerCodecs);
