import Database from "better-sqlite3";
import { DomainError } from "../../domain/errors.ts";

const retryAfterMs = 1000;

/** What the disk did to us, in words for the caller; everything that is not the disk's doing stays as it is. */
export function asStoreError(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const { code } = error;
  if (code === "SQLITE_FULL") {
    return new DomainError("resource_exhausted", "the disk of the server is full; nothing was changed", {
      reason: "DISK_FULL",
      retryAfterMs,
    });
  }
  if (/^SQLITE_(BUSY|LOCKED|IOERR|READONLY|CANTOPEN)/.test(code)) {
    return new DomainError("unavailable", "the server cannot write to its disk now; nothing was changed", {
      reason: "STORE_UNAVAILABLE",
      retryAfterMs,
    });
  }
  return error;
}

/** Whether a write broke a UNIQUE rule. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith("SQLITE_CONSTRAINT_UNIQUE");
}

/** Whether a write named a row of another table that is not there, or removed one that others name. */
export function isForeignKeyViolation(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code === "SQLITE_CONSTRAINT_FOREIGNKEY";
}
