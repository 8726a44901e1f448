import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import type { CheckpointAnswer } from "./checkpointer.ts";
import { sqliteCode } from "./engine/failures.ts";

// Brings the write-ahead log into the database and begins it anew, once for each message, and answers when that is on disk.

const database = new Database(String(workerData), { fileMustExist: true });
database.pragma("synchronous = NORMAL");
database.pragma("wal_autocheckpoint = 0");

function checkpoint(): CheckpointAnswer {
  try {
    // It waits for nobody: what another program still reads of the log stays in it until the next time.
    const { log: frames, checkpointed } = walCheckpoint("PASSIVE");
    return { frames: frames === checkpointed ? beginAnew() : frames };
  } catch (error) {
    return { failure: Error.isError(error) ? error.message : String(error), code: sqliteCode(error) };
  }
}

/**
 * Whoever writes first after all is in the database begins the log anew, and waits for the disk to have its header.
 * @returns frames that were in the log
 */
function beginAnew(): number {
  // Somebody who reads the log at this moment, such as the thread that serves, would keep it from beginning anew. Who comes
  // later reads the database. Others cannot write meanwhile, so it is a moment only that this waits.
  database.pragma("busy_timeout = 250");
  const { log: frames } = walCheckpoint("RESTART");
  // The number means nothing to us, but writing it takes a commit of one page, for which a program that writes is waited for.
  // It is made whatever came of the wait: a log with one frame that began anew must be known to hold ours (write-ahead-log.ts).
  database.pragma("busy_timeout = 5000");
  database.pragma("user_version = 0");
  return frames;
}

function walCheckpoint(mode: "PASSIVE" | "RESTART"): { log: number; checkpointed: number } {
  const [result] = database.pragma(`wal_checkpoint(${mode})`) as ReturnType<typeof walCheckpoint>[];
  return result ?? { log: 0, checkpointed: 0 };
}

parentPort?.on("message", (wanted: "checkpoint" | "close") => {
  if (wanted === "checkpoint") {
    parentPort?.postMessage(checkpoint());
  } else {
    database.close();
    parentPort?.close();
  }
});
