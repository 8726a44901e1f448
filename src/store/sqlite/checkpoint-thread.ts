import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import type { CheckpointAnswer } from "./checkpointer.ts";
import { sqliteCode } from "./failures.ts";

// Brings the write-ahead log into the database and begins it anew, once for each message, and answers when that is on disk.

// This thread may wait for a program that writes; the one that serves waits for neither.
const database = new Database(String(workerData), { fileMustExist: true, timeout: 5000 });
database.pragma("synchronous = NORMAL");
database.pragma("wal_autocheckpoint = 0");

function checkpoint(): CheckpointAnswer {
  try {
    // It waits for nobody: what another program still reads of the log stays in it until the next time.
    const [result] = database.pragma("wal_checkpoint(PASSIVE)") as { log: number; checkpointed: number }[];
    const { log: frames = 0, checkpointed = 0 } = result ?? {};
    // Whoever writes first after all is in the database begins the log anew, and waits for the disk to have its header.
    // The number means nothing to us, but writing it takes a commit of one page.
    if (frames === checkpointed) database.pragma("user_version = 0");
    return { frames };
  } catch (error) {
    return { failure: Error.isError(error) ? error.message : String(error), code: sqliteCode(error) };
  }
}

parentPort?.on("message", (wanted: "checkpoint" | "close") => {
  if (wanted === "checkpoint") {
    parentPort?.postMessage(checkpoint());
  } else {
    database.close();
    parentPort?.close();
  }
});
