import { DomainError } from "../../../domain/errors.ts";

const retryAfterMs = 1000;

/**
 * The result code of an error of SQLite, null for any other error. By shape, not by class: the driver's native part
 * throws the class of the module that loaded it first in this process.
 */
export function sqliteCode(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" && error.code.startsWith("SQLITE_") ? error.code : null;
}

/** Whether another connection holds the database. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_BUSY") === true;
}

/** Whether the file itself is broken, so that a database cannot be read from it. */
export function isDamage(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(error) ?? "");
}

/** What the disk did to us, in words for the caller; everything that is not the disk's doing stays as it is. */
export function asStoreError(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  if (code === "SQLITE_FULL") {
    return new DomainError("resource_exhausted", "the disk of the server is full; nothing was changed", {
      reason: "DISK_FULL",
      retryAfterMs,
    });
  }
  if (isBusy(error)) {
    return new DomainError(
      "unavailable",
      "another program holds the server's database; nothing was changed",
      {
        reason: "STORE_UNAVAILABLE",
        retryAfterMs,
      },
    );
  }
  return /^SQLITE_(LOCKED|IOERR|READONLY|CANTOPEN)/.test(code) ? rolledBack() : error;
}

/**
 * Whether the disk failed to keep what was written. The kernel may have dropped it, and says so once: a later sync that
 * works proves nothing.
 */
export function isSyncFailure(error: unknown): boolean {
  return /^SQLITE_IOERR_(DIR_)?FSYNC$/.test(sqliteCode(error) ?? "");
}

/** The disk, or another program that holds the database, has kept a write waiting for too long. */
export function diskSlow(): DomainError {
  return new DomainError("unavailable", "the disk of the server does not answer now; nothing was changed", {
    reason: "STORE_UNAVAILABLE",
    retryAfterMs,
  });
}

/** The disk takes no write: SQLite has rolled it back, alone or with the whole transaction. */
export function rolledBack(): DomainError {
  return new DomainError("unavailable", "the server cannot write to its disk now; nothing was changed", {
    reason: "STORE_UNAVAILABLE",
    retryAfterMs,
  });
}

/** More writes wait than there are places for. */
export function tooManyWrites(): DomainError {
  return new DomainError("unavailable", "too many changes wait for the disk; nothing was changed", {
    reason: "STORE_UNAVAILABLE",
    retryAfterMs,
  });
}

/** What is on disk of the last writes is not known. */
export function diskFailed(): DomainError {
  return new DomainError(
    "unavailable",
    "the disk of the server failed; what was kept of a change shows when the server has started again",
    { reason: "STORE_UNAVAILABLE", retryAfterMs },
  );
}

/** Whether a write broke a UNIQUE rule. */
export function isUniqueViolation(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_CONSTRAINT_UNIQUE") === true;
}

/** Whether a write named a row of another table that is not there, or removed one that others name. */
export function isForeignKeyViolation(error: unknown): boolean {
  return sqliteCode(error) === "SQLITE_CONSTRAINT_FOREIGNKEY";
}
