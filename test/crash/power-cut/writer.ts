import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { WriterClient } from "../../../src/store/sqlite/engine/writer-client.ts";

// Commits rows as a server does, and writes down which ones it would have acknowledged. Traced by power-cut.system.ts.
//
//   node test/crash/power-cut/writer.ts FOLDER WRITES server|liar
//
// A liar syncs nothing.

const [folder = "", count = "", role = ""] = process.argv.slice(2);
const file = join(folder, "cut.db");
const database = new Database(file);
// Small pages: the trace holds every byte that is written.
database.pragma("page_size = 512");
database.pragma("journal_mode = WAL");
database.exec(`CREATE TABLE kept (id TEXT PRIMARY KEY, filling BLOB NOT NULL);
  CREATE TABLE total (one INTEGER PRIMARY KEY, writes INTEGER NOT NULL);
  INSERT INTO total VALUES (1, 0)`);
const acknowledged = openSync(join(folder, "acknowledged"), "a");
const writer = new WriterClient({
  script: new URL("./writer-thread.ts", import.meta.url),
  setup: { file, durable: role !== "liar", settings: null },
  onRunnerChange: () => {},
  newestEvent: 0,
});

async function writeMany(caller: number, writes: number): Promise<void> {
  for (let i = 0; i < writes; i += 1) {
    const id = `${role}-${caller}-${i}`;
    await writer.call("rows", "add", [id]);
    writeSync(acknowledged, `${id}\n`);
  }
}

const callers = 4;
await Promise.all(Array.from({ length: callers }, (_, caller) => writeMany(caller, Number(count) / callers)));
// As a kill leaves it: a clean end would bring everything into the database. The connection of this thread is still open.
process.exit();
