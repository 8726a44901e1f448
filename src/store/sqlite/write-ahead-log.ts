import { closeSync, fdatasync, openSync, readSync } from "node:fs";
import { promisify } from "node:util";
import type { Database, Statement } from "better-sqlite3";
import { bringToDisk } from "../../lib/files.ts";
import { Checkpointer } from "./checkpointer.ts";
import type { CommitSync } from "./commit-sync.ts";
import { sqliteCode } from "./engine/failures.ts";
import { logFileOf } from "./log-again.ts";
import type { OutsideChanges } from "./outside-changes.ts";

/** Brings a file to disk, by its descriptor: what tests hold back and let fail. */
export type SyncFile = (descriptor: number) => Promise<void>;

export interface WriteAheadLogOptions {
  readonly syncFile?: SyncFile | undefined;
  /** Frames that the log grows by before they are brought into the database; default 1000, SQLite's own number. */
  readonly checkpointFrames?: number | undefined;
  /** Told when a checkpoint failed; the log goes on, and the next one is tried when it has grown. */
  readonly onCheckpointFailed?: (error: unknown) => void;
}

const inThreadPool: SyncFile = promisify(fdatasync);

/**
 * What makes the commits of a server's connection durable without its thread waiting for the disk. The connection
 * commits with `synchronous=NORMAL`, which syncs nothing; the log is synced in Node's thread pool, and checkpoints run
 * on a thread of their own. Why that is enough: docs/decisions/durable-writes.md.
 */
export class WriteAheadLog implements CommitSync {
  readonly #outside: OutsideChanges;
  readonly #descriptor: number;
  readonly #syncFile: SyncFile;
  readonly #checkpointer: Checkpointer;
  readonly #checkpointFrames: number;
  readonly #onCheckpointFailed: (error: unknown) => void;
  readonly #lengths: Statement<[], [busy: number, frames: number, inDatabase: number]>;
  /** Frames in the log when a checkpoint was last asked for. */
  #askedAt = -1;

  /** @param database in WAL mode, with all that it committed on disk; its settings are changed */
  constructor(database: Database, outside: OutsideChanges, options: WriteAheadLogOptions = {}) {
    this.#outside = outside;
    this.#syncFile = options.syncFile ?? inThreadPool;
    this.#checkpointer = new Checkpointer(database.name);
    this.#checkpointFrames = options.checkpointFrames ?? 1000;
    this.#onCheckpointFailed = options.onCheckpointFailed ?? (() => {});
    this.#lengths = database.prepare<[], [number, number, number]>("PRAGMA main.wal_checkpoint(NOOP)").raw();
    const file = logFileOf(database);
    // Its name, too, may be as new as the database.
    bringToDisk(file);
    // Kept open, since a failure to write is told to descriptors that were open when it happened. Closing it is harmless:
    // SQLite has no locks on this file. A descriptor of the database's own file would take SQLite's locks along.
    this.#descriptor = openSync(file, "r+");
    database.pragma("synchronous = NORMAL");
    database.pragma("wal_autocheckpoint = 0");
  }

  /** Checkpoints, so that SQLite itself makes none in a commit. */
  prepare(): Promise<void> | null {
    const [frames, inDatabase] = this.#length();
    if (frames < this.#askedAt) this.#askedAt = -1;
    // With all in the database, the next commit would begin the log anew.
    const due = frames === inDatabase || frames - this.#askedAt >= this.#checkpointFrames;
    // Asked for in vain, such as beside a program that writes: then SQLite does it, and waits for the disk once.
    if (!due || frames === this.#askedAt) return null;
    this.#askedAt = frames;
    return this.#checkpoint(frames).catch((error) => {
      // As with our own sync, what is on disk is not known any more, and SQLite would go on as though it were.
      if (sqliteCode(error)?.startsWith("SQLITE_IOERR_FSYNC")) throw error;
      this.#onCheckpointFailed(error);
    });
  }

  sync(): Promise<void> {
    return this.#syncFile(this.#descriptor);
  }

  /** Ends the thread for checkpoints. Nothing may be under way. */
  endCheckpoints(): Promise<void> {
    return this.#checkpointer.close();
  }

  /** Lets go of the file; the connection is closed before. */
  release(): void {
    closeSync(this.#descriptor);
  }

  async #checkpoint(frames: number): Promise<void> {
    const generation = this.#generation();
    // Calls look all the time: counted by one of them, the thread's commit would have all callers forgotten with every
    // checkpoint.
    // One frame is the thread's commit: the first of a log begun anew, or one more where a reader has kept it from that.
    const hasOneMore = () => {
      const [now] = this.#length();
      const begun = this.#generation() - generation;
      return begun === 0 ? now === frames + 1 : begun === 1 && now === 1;
    };
    // For a moment the log that is begun anew has no frame yet, and no header on disk.
    this.#outside.expect(() => this.#length()[0] === 0 || hasOneMore());
    let found: number | null = null;
    try {
      found = await this.#checkpointer.checkpoint();
    } finally {
      this.#outside.leaveOut(() => found === frames && hasOneMore());
    }
  }

  /** Frames in the log, and how many of them are in the database. */
  #length(): readonly [frames: number, inDatabase: number] {
    const [, frames, inDatabase] = this.#lengths.get() ?? [0, 0, 0];
    return [frames, inDatabase];
  }

  /** How often the log began anew: the checkpoint sequence number of its header (sqlite.org/fileformat2.html). */
  #generation(): number {
    const header = Buffer.alloc(16);
    readSync(this.#descriptor, header, 0, header.length, 0);
    return header.readUInt32BE(12);
  }
}
