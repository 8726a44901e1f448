import { mkdtempSync, rmSync } from "node:fs";
import { stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { defaultQuotas, noQuotas, type Quotas } from "../../domain/limits/quotas.ts";
import type { Clock } from "../../lib/clock.ts";
import type { RunnerCodecs, Store, StoreObserver, StoreVitals } from "../store.ts";
import type { Commits } from "./engine/commit-queue.ts";
import { lockDatabase } from "./engine/lock.ts";
import { type Connection, openConnection, openReadOnly } from "./engine/open.ts";
import { WriterClient } from "./engine/writer-client.ts";
import type { ChangeCounts } from "./engine/writer-messages.ts";
import { serveWrites } from "./engine/writer-thread.ts";
import { newestEvent } from "./journal/newest-event.ts";
import { noteRunnerChanges, RememberedRunners } from "./runners/remembered-runners.ts";
import { type StoreParts, storeParts } from "./store-parts.ts";

export interface SqliteStoreOptions {
  /** Path of the database file, or `:memory:`. */
  readonly file: string;
  readonly codecs: RunnerCodecs;
  /** The script of the thread that writes: it calls {@link serveSqliteWrites} with the same codecs. */
  readonly writerScript: URL;
  /**
   * `"server"` migrates the file; `"tool"` writes to a current file while no server runs, and is held to no quota; `"reader"`
   * only reads, beside a server or without one. The first two are alone on the file.
   */
  readonly role: "server" | "tool" | "reader";
  readonly observer?: Partial<StoreObserver> | undefined;
  /** The time of what the store writes down by itself, and how long writes have waited; default the machine's. */
  readonly clock?: Clock | undefined;
  /** What callers of a server may pile up. */
  readonly quotas?: Quotas | undefined;
}

/** What the thread that writes is told of its store. */
interface WriterSettings {
  readonly quotas: Quotas;
}

/** Makes this thread the one that writes to a store; for the script of the thread. */
export function serveSqliteWrites(codecs: RunnerCodecs): void {
  serveWrites<WriterSettings>(({ connection, settings, onRunnerChange, ...context }) => {
    noteRunnerChanges(connection.$client, onRunnerChange);
    return storeParts({ ...context, ...settings, connection, codecs, remembered: new RememberedRunners() });
  }, newestEvent);
}

/**
 * Opens a store on SQLite.
 * @throws DatabaseInUseError, UnusableDatabaseError with a message for the operator.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  const folder = options.file === inMemory ? temporaryFolder() : null;
  const file = folder === null ? options.file : join(folder.path, "rollcall.db");
  const { role } = options;
  const lock = role === "reader" ? null : lockDatabase(file);
  try {
    const first = lock && openConnection(file, lock, role === "server" ? "create" : "existing");
    const reader = openReadOnlyBeside(first, file);
    const newest = newestEvent(reader);
    const remembered = new RememberedRunners();
    const quotas = role === "tool" ? noQuotas : (options.quotas ?? defaultQuotas);
    const writer =
      lock &&
      new WriterClient({
        script: options.writerScript,
        setup: { file, durable: folder === null, settings: { quotas } satisfies WriterSettings },
        observer: options.observer,
        clock: options.clock,
        onRunnerChange: (id) => remembered.forget(id),
        newestEvent: newest(),
      });
    const forwarded = writer && new ForwardedWrites(writer);
    const parts = storeParts({
      connection: reader,
      commits: forwarded ?? readOnly,
      codecs: options.codecs,
      newId: () => {
        throw new Error("the main thread writes nothing");
      },
      quotas,
      counts: writer?.counts ?? countsOfReader(newest),
      remembered,
    });
    return {
      ...(forwarded?.of(parts) ?? parts),
      async healthy() {
        try {
          // A real read: "SELECT 1" would not touch the file.
          reader.$client.prepare("SELECT count(*) FROM organizations").get();
          return writer?.failed !== true;
        } catch {
          return false;
        }
      },
      vitals: () => vitals(reader, writer?.length ?? 0, folder !== null),
      async close() {
        await writer?.drain();
        // After a failed sync all stays open: the last one to close a database makes a checkpoint.
        if (writer?.failed !== true) {
          if (reader.$client.open) reader.$client.close();
          await writer?.end();
        }
        lock?.release();
        folder?.remove();
      },
    };
  } catch (error) {
    lock?.release();
    folder?.remove();
    throw error;
  }
}

const inMemory = ":memory:";

/** @param first is closed: not before the reader has its lock on the file, so that no other server takes it in between */
function openReadOnlyBeside(first: Connection | null, file: string): Connection {
  try {
    return openReadOnly(file);
  } finally {
    first?.$client.close();
  }
}

/** Of a store that remembers nothing, and may give out whatever the file shows. */
function countsOfReader(newest: () => number): ChangeCounts {
  return {
    get events() {
      return newest();
    },
    access: 0,
    revocations: 0,
  };
}

/** A store without a thread that writes. */
const readOnly: Commits = {
  run: () => Promise.reject(new Error("this store reads only")),
  onCommit: () => () => {},
};

/**
 * What the main thread's methods begin their writes with. The work of a write is not done here: the thread is asked to call
 * the same method with the same arguments, and does it there.
 */
class ForwardedWrites implements Commits {
  readonly #writer: WriterClient;
  /** The method that is being called in this very moment. */
  #called: { readonly part: string; readonly method: string; readonly args: readonly unknown[] } | null =
    null;

  constructor(writer: WriterClient) {
    this.#writer = writer;
  }

  /** Has {@link run} know which method it is called by. */
  of(parts: StoreParts): StoreParts {
    const named = Object.entries(parts).map(([part, methods]) => [part, this.#named(part, methods)]);
    return Object.fromEntries(named);
  }

  #named(part: string, methods: object): object {
    const named = Object.entries(methods).map(([method, call]) => [
      method,
      (...args: readonly unknown[]) => {
        this.#called = { part, method, args };
        try {
          return call(...args);
        } finally {
          this.#called = null;
        }
      },
    ]);
    return Object.fromEntries(named);
  }

  run<T>(_work: () => T): Promise<T> {
    if (this.#called === null) return Promise.reject(new Error("a method must begin its write at once"));
    const { part, method, args } = this.#called;
    return this.#writer.call(part, method, args) as Promise<T>;
  }

  onCommit(listener: () => void): () => void {
    return this.#writer.onCommit(listener);
  }
}

/** How large the database is, and how much is waiting to be written to it. */
async function vitals(
  { $client: client }: Connection,
  waiting: number,
  temporary: boolean,
): Promise<StoreVitals> {
  const pages = Number(client.pragma("page_count", { simple: true }));
  const pageBytes = Number(client.pragma("page_size", { simple: true }));
  const sizes = { waiting, databaseBytes: pages * pageBytes };
  if (temporary) return { ...sizes, logBytes: 0, availableBytes: null };
  const [log, disk] = await Promise.all([
    stat(`${client.name}-wal`).catch(() => null),
    statfs(dirname(client.name)),
  ]);
  return { ...sizes, logBytes: log?.size ?? 0, availableBytes: disk.bavail * disk.bsize };
}

/** Those that are there; one listener looks after all of them. */
const temporaryFolders = new Set<string>();

function removeTemporaryFolders(): void {
  for (const path of temporaryFolders) rmSync(path, { recursive: true, force: true });
}

/** A folder for this user alone, which goes with the process. */
function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "rollcall-memory-"));
  if (temporaryFolders.size === 0) process.on("exit", removeTemporaryFolders);
  temporaryFolders.add(path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true });
      temporaryFolders.delete(path);
      if (temporaryFolders.size === 0) process.off("exit", removeTemporaryFolders);
    },
  };
}
