import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { CommitQueue } from "../../../src/store/sqlite/commit-queue.ts";
import { OutsideChanges } from "../../../src/store/sqlite/outside-changes.ts";
import { WriteAheadLog } from "../../../src/store/sqlite/write-ahead-log.ts";

// Commits rows as a server does, and writes down which ones it would have acknowledged. Traced by power-cut.system.ts.
//
//   node test/crash/power-cut/writer.ts FOLDER WRITES server|tool|liar
//
// A tool commits as `rollcall token` does, in another process; a server has one beside it. A liar syncs nothing.

const [folder = "", count = "", role = ""] = process.argv.slice(2);
const file = join(folder, "cut.db");
const database = new Database(file, { timeout: role === "tool" ? 5000 : 0 });
// Small pages: the trace holds every byte that is written.
database.pragma("page_size = 512");
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(`CREATE TABLE IF NOT EXISTS kept (id TEXT PRIMARY KEY, filling BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS total (one INTEGER PRIMARY KEY, writes INTEGER NOT NULL);
  INSERT OR IGNORE INTO total VALUES (1, 0)`);
const insert = database.prepare("INSERT INTO kept VALUES (?, randomblob(300))");
const add = database.prepare("UPDATE total SET writes = writes + 1");
const acknowledged = openSync(join(folder, "acknowledged"), "a");

const disk = role === "liar" ? { syncFile: async () => {} } : {};
const sync =
  role === "tool"
    ? null
    : new WriteAheadLog(database, new OutsideChanges(database), { checkpointFrames: 40, ...disk });
const queue = new CommitQueue(database, { ...(sync && { sync }) });

async function write(id: string): Promise<void> {
  await queue.run(() => {
    insert.run(id);
    add.run();
  });
  writeSync(acknowledged, `${id}\n`);
}

async function writeMany(writer: number, writes: number): Promise<void> {
  for (let i = 0; i < writes; i += 1) await write(`${role}-${writer}-${i}`);
}

const tool =
  role === "server"
    ? spawn(process.execPath, [import.meta.filename, folder, "40", "tool"], { stdio: "inherit" })
    : null;
const writers = role === "tool" ? 1 : 4;
await Promise.all(Array.from({ length: writers }, (_, i) => writeMany(i, Number(count) / writers)));
if (tool !== null && tool.exitCode === null) await once(tool, "exit");
await queue.close();
// As a kill leaves it: a clean end would bring everything into the database.
process.exit();
