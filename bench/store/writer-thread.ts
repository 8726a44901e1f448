import { parentPort, workerData } from "node:worker_threads";
import { insertRow, openTable, type Row } from "./writer-table.ts";

// Commits the rows of each message at once, and answers when they are on disk.

const database = openTable(String(workerData));
const insert = insertRow(database);
const write = database.transaction((rows: readonly Row[]) => {
  for (const row of rows) insert.run(row);
});
parentPort?.on("message", (rows: readonly Row[]) => {
  write.immediate(rows);
  parentPort?.postMessage(null);
});
