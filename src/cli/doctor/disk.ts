import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Finding, fail, ok, type Patient, sizeOf, warn } from "./finding.ts";

/** Below this a busy server may fill the rest before an operator looks. */
const littleRoom = 1e9;
/** Below this the write-ahead log may not even grow to its usual size. */
const noRoom = 50e6;
/** Every acknowledged change waits for a sync: at 100 ms, ten commits a second are left. */
const slowSyncMs = 100;
/** A log that grows past this is not folded into the database any more. */
const longLog = 256e6;
const rounds = 5;

/** Room for the data, and whether and how fast the disk takes a write for good. */
export function disk({ config, database }: Patient): Finding[] {
  if (database === null || !existsSync(config.dataDir)) return [];
  return [room(config.dataDir), ...log(database), sync(config.dataDir)];
}

function room(dir: string): Finding {
  const { bavail, bsize, files, ffree } = statfsSync(dir);
  const free = bavail * bsize;
  const found = `${sizeOf(free)} are free for ${dir}`;
  const remedy = "make room, or move the data folder; a full disk refuses every change until there is room";
  if (free < noRoom) return fail(found, remedy);
  if (files > 0 && ffree < 100) return fail(`${ffree} files more fit on the disk of ${dir}`, "remove files");
  return free < littleRoom ? warn(found, remedy) : ok(found);
}

function log(database: string): Finding[] {
  const { size = 0 } = statSync(`${database}-wal`, { throwIfNoEntry: false }) ?? {};
  if (size < longLog) return [];
  return [
    warn(
      `the write-ahead log has grown to ${sizeOf(size)}`,
      "something reads the database without an end, a backup or a replication that hangs: find it with lsof",
    ),
  ];
}

/** As a commit does it: write, then wait for the disk. The file is gone afterwards. */
function sync(dir: string): Finding {
  const file = join(dir, `.doctor-${randomBytes(8).toString("hex")}`);
  try {
    const descriptor = openSync(file, "wx", 0o600);
    try {
      const times = Array.from({ length: rounds }, () => {
        const started = performance.now();
        writeSync(descriptor, Buffer.alloc(4096));
        fsyncSync(descriptor);
        return performance.now() - started;
      });
      const median = times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
      const found = `a synced write takes ${median.toFixed(1)} ms (median of ${rounds})`;
      return median < slowSyncMs
        ? ok(found)
        : warn(found, "use a faster or less busy disk for the data folder");
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    const message = Error.isError(error) ? error.message : String(error);
    return fail(
      `the disk of ${dir} takes no write: ${message}`,
      "mount it writable, make room, or replace it",
    );
  } finally {
    rmSync(file, { force: true });
  }
}
