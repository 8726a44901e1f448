import { DomainError, type DomainErrorKind, type DomainErrorOptions } from "../../../domain/errors.ts";
import { sqliteCode } from "./failures.ts";

// What the main thread and the thread that writes tell each other: data alone, which structured clone carries.

/** What the thread is told first of each database. */
export interface WriterSetup {
  readonly file: string;
  /** Of {@link Claims}. */
  readonly claims: SharedArrayBuffer;
  /** Whether a commit waits for the disk; not so where nothing is to be kept. */
  readonly durable: boolean;
  /** What the builder of the store's parts wants to know; data. */
  readonly settings: unknown;
}

/** One call of a method of the store that writes. */
export interface WriteCall {
  readonly slot: number;
  readonly part: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What each value takes besides its text or its bytes, roughly. */
const valueBytes = 16;

/** Buffers up to this are cut into parts by Node, so that many calls have theirs in one. */
const slabBytes = 64 * 1024;

/** What data takes on its way to the thread, in bytes, roughly and rather too much. */
export function bytesOf(value: unknown): number {
  if (typeof value === "string") return valueBytes + 2 * value.length;
  if (typeof value !== "object" || value === null) return valueBytes;
  if (ArrayBuffer.isView(value)) {
    // Structured clone carries the whole buffer of which a view shows a part; small ones are shared by many views.
    const { byteLength } = value.buffer;
    return valueBytes + (byteLength > slabBytes ? byteLength : value.byteLength);
  }
  let bytes = valueBytes;
  for (const item of Symbol.iterator in value ? (value as Iterable<unknown>) : Object.values(value)) {
    bytes += bytesOf(item);
  }
  return bytes;
}

/** What arrived in one turn of the main thread's event loop. */
export interface WriteBatch {
  /** The main thread's wall clock, in milliseconds. */
  readonly now: number;
  readonly calls: readonly WriteCall[];
}

export type ToWriter = WriterSetup | WriteBatch | "close";

/** What was written that others must hear of. The counts may grow too often, never too seldom. */
export interface ChangeCounts {
  /** Sequence of the newest event of all commits so far. */
  readonly events: number;
  /** Changes to who may do what. */
  access: number;
  /** Tokens that were ended. */
  revocations: number;
}

export type Answer =
  | { readonly slot: number; readonly kind: "done"; readonly value: unknown }
  | { readonly slot: number; readonly kind: "refused"; readonly error: Thrown }
  | { readonly slot: number; readonly kind: "given up" };

/** One commit that is on disk, or rolled back. */
export interface Commit {
  readonly answers: readonly Answer[];
  readonly writes: number;
  /** From its beginning until it was on disk. */
  readonly seconds: number;
  readonly counts: ChangeCounts;
  /** Ids of the runners whose rows changed. */
  readonly changedRunners: readonly string[];
  /** Set when the disk began to refuse writes, null when it has taken one again. */
  readonly trouble?: Thrown | null;
  /** Set when a sync failed. */
  readonly syncFailure?: Thrown;
}

/** `"closed"` is its last word about a database. */
export type FromWriter = Commit | "closed";

/** An error on its way between threads: structured clone would leave away what a DomainError says. */
export type Thrown =
  | {
      readonly domain: DomainErrorKind;
      readonly message: string;
      readonly options: DomainErrorOptions;
    }
  | {
      readonly domain: null;
      readonly message: string;
      readonly stack: string | undefined;
      readonly code: string | null;
    };

export function packError(error: unknown): Thrown {
  if (error instanceof DomainError) {
    const { kind, message, reason, retryAfterMs, violations } = error;
    return {
      domain: kind,
      message,
      options: { violations, ...(reason && { reason }), ...(retryAfterMs !== undefined && { retryAfterMs }) },
    };
  }
  const { message, stack } = Error.isError(error) ? error : new Error(String(error));
  return { domain: null, message, stack, code: sqliteCode(error) };
}

export function unpackError(thrown: Thrown): Error {
  if (thrown.domain !== null) return new DomainError(thrown.domain, thrown.message, thrown.options);
  const error = new Error(thrown.message);
  if (thrown.stack !== undefined) error.stack = thrown.stack;
  return thrown.code === null ? error : Object.assign(error, { code: thrown.code });
}
