import { DomainError } from "../../../domain/errors.ts";

const retryAfterMs = 1000;

/**
 * The result code of an error of SQLite, null for any other error. By shape, not by class: the driver's native part
 * throws the class of whoever loaded it first in this process.
 */
export function sqliteCode(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" && error.code.startsWith("SQLITE_") ? error.code : null;
}

/** Whether another connection holds the database. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith("SQLITE_BUSY") === true;
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
  if (/^SQLITE_(LOCKED|IOERR|READONLY|CANTOPEN)/.test(code)) {
    return new DomainError("unavailable", "the server cannot write to its disk now; nothing was changed", {
      reason: "STORE_UNAVAILABLE",
      retryAfterMs,
    });
  }
  return error;
}

/** The disk has been at work for longer than anybody should wait. */
export function diskSlow(): DomainError {
  return new DomainError("unavailable", "the disk of the server does not answer now; nothing was changed", {
    reason: "STORE_UNAVAILABLE",
    retryAfterMs,
  });
}

/** Nobody knows what is on disk. */
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
