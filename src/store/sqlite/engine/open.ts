import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { sql } from "drizzle-orm";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { StoreRefusedError } from "../../store.ts";
import { isBusy, sqliteCode } from "./failures.ts";
import { DatabaseInUseError, type DatabaseLock } from "./lock.ts";
import { plannedDatabase } from "./session.ts";

/** A typed connection; `$client` is the driver's. */
export type Connection = ReturnType<typeof plannedDatabase>;

/** The file cannot be used as this version's database; the message says why and what to do. */
export class UnusableDatabaseError extends StoreRefusedError {
  override readonly name = "UnusableDatabaseError";
}

const migrations = { migrationsFolder: fileURLToPath(new URL("../migrations", import.meta.url)) };

/** Marks our files in the SQLite header, so that another program's database is never migrated: "RCLL". */
const applicationId = 0x52434c4c;

/** How long the opening, and every write, waits for another program on the same file, in milliseconds. */
const busyTimeoutMs = 5000;

/**
 * Opens the database for the one process that writes to it, and brings its schema up to date.
 * @param lock held on this file
 * @param mode `"create"` makes and migrates the file; `"existing"` takes it as it is, and refuses an old schema.
 * @throws UnusableDatabaseError for a file of a newer version, of another program, that cannot be upgraded, or
 *   (`"existing"`) none at all; DatabaseInUseError when it is another server's under another name.
 */
export function openConnection(file: string, lock: DatabaseLock, mode: "create" | "existing"): Connection {
  if (mode === "existing") refuseMissing(file);
  const client = new Database(file, { timeout: busyTimeoutMs });
  try {
    const connection = plannedDatabase(client);
    refuseForeignFile(client, file);
    client.pragma("journal_mode = WAL");
    syncEachCommit(client);
    client.pragma("foreign_keys = ON");
    const { applied, newest } = refuseNewerSchema(connection, file);
    if (mode === "existing" && applied < newest) {
      throw new UnusableDatabaseError(`${file} has an older schema; start this version's server once`);
    }
    lock.claim(client);
    emptyLog(client);
    client.pragma(`application_id = ${applicationId}`);
    if (applied < newest) upgrade(connection, file);
    return connection;
  } catch (error) {
    client.close();
    throw asUnusable(error, file);
  }
}

/** Has a commit return when it is on disk. The last two are for macOS, where an fsync stops at the memory of the drive. */
function syncEachCommit(client: Database.Database): void {
  for (const setting of ["synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"]) {
    client.pragma(setting);
  }
}

/**
 * Brings what an earlier run left in its write-ahead log into the database. If that run ended because a sync failed, the
 * kernel may show pages of the log as written that are not on disk: what is appended behind them would go with them in a
 * power cut.
 */
function emptyLog(client: Database.Database): void {
  // A program that reads an old state for long, such as one that replicates, keeps the log from being emptied.
  client.pragma("busy_timeout = 250");
  client.pragma("wal_checkpoint(TRUNCATE)");
  client.pragma(`busy_timeout = ${busyTimeoutMs}`);
}

/**
 * The connection of the thread that writes, to a database that {@link openConnection} has prepared.
 * @param durable whether a commit waits for the disk
 */
export function openWriter(file: string, durable: boolean): Connection {
  const client = new Database(file, { fileMustExist: true, timeout: busyTimeoutMs });
  if (durable) syncEachCommit(client);
  else client.pragma("synchronous = OFF");
  client.pragma("foreign_keys = ON");
  return plannedDatabase(client);
}

/** All migrations that are missing, or none: they run in one transaction. */
function upgrade(connection: Connection, file: string): void {
  try {
    migrate(connection, migrations);
  } catch (error) {
    // Drizzle's own error holds the whole statement; SQLite's, inside of it, says what is wrong.
    // (`Error.isError` and not `instanceof`: the driver's errors may come from another realm.)
    const cause = Error.isError(error) && Error.isError(error.cause) ? error.cause : error;
    if (isBusy(cause) || !Error.isError(cause)) throw cause;
    throw new UnusableDatabaseError(
      `${file} could not be upgraded, and is as it was: ${reasonOf(cause)}; run the version that wrote it, or restore a backup`,
      { cause: error },
    );
  }
}

/**
 * When the disk fails, SQLite rolls back by itself, Drizzle's own attempt at it finds nothing to roll back, and throws
 * that instead of what had happened.
 */
function reasonOf({ message }: Error): string {
  return message.startsWith("cannot rollback") ? "the disk is full, or fails" : message;
}

function refuseMissing(file: string): void {
  if (existsSync(file)) return;
  throw new UnusableDatabaseError(`${file} does not exist; start the server once, or check --data-dir`);
}

/** A connection that changes nothing, to a database of this version. */
export function openReadOnly(file: string): Connection {
  refuseMissing(file);
  const { client, schema } = openReader(file);
  if (schema === "current") return plannedDatabase(client);
  client.close();
  throw new UnusableDatabaseError(`${file} has an older schema; start this version's server once`);
}

/** A connection that changes nothing, and how the file's schema stands to this version's. */
export interface Reader {
  readonly client: Database.Database;
  readonly schema: "current" | "older";
}

/**
 * Opens a database of ours, of this version or an earlier one, beside a server or without one.
 * @throws UnusableDatabaseError for a file of a newer version, of another program, without a schema, or none at all.
 */
export function openReader(file: string): Reader {
  if (!existsSync(file)) throw new UnusableDatabaseError(`${file} does not exist`);
  let client: Database.Database | undefined;
  try {
    client = new Database(file, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs });
    refuseForeignFile(client, file);
    const { applied, newest } = refuseNewerSchema(plannedDatabase(client), file);
    if (applied === 0) throw new UnusableDatabaseError(`${file} holds nothing of a rollcall server`);
    return { client, schema: applied < newest ? "older" : "current" };
  } catch (error) {
    client?.close();
    throw asUnusable(error, file);
  }
}

function asUnusable(error: unknown, file: string): unknown {
  if (error instanceof DatabaseInUseError) return error;
  if (sqliteCode(error) === "SQLITE_NOTADB") return new UnusableDatabaseError(`${file} is not a database`);
  if (sqliteCode(error)?.startsWith("SQLITE_CORRUPT")) {
    return new UnusableDatabaseError(`${file} is damaged; restore a backup`);
  }
  if (isBusy(error)) {
    return new UnusableDatabaseError(
      `another program has held ${file} for ${busyTimeoutMs / 1000} s; end it, then start again`,
    );
  }
  return error;
}

function refuseNewerSchema(connection: Connection, file: string): { applied: number; newest: number } {
  const newest = readMigrationFiles(migrations).at(-1)?.folderMillis ?? 0;
  const applied = appliedMigration(connection);
  if (applied > newest) {
    throw new UnusableDatabaseError(
      `${file} was written by a newer version of rollcall; run that version, or restore a backup`,
    );
  }
  return { applied, newest };
}

function refuseForeignFile(client: Database.Database, file: string): void {
  const id = client.pragma("application_id", { simple: true });
  const tables = client.prepare("SELECT count(*) FROM sqlite_schema").pluck().get();
  if (id !== applicationId && tables !== 0) {
    throw new UnusableDatabaseError(`${file} is a database of another program`);
  }
}

/** When the newest migration that the file has seen was made, in milliseconds; 0 for a new file. */
function appliedMigration(connection: Connection): number {
  const known = sql`SELECT 1 FROM sqlite_schema WHERE name = '__drizzle_migrations'`;
  if (connection.get(known) === undefined) return 0;
  const newest = sql`SELECT max(created_at) AS at FROM __drizzle_migrations`;
  return Number(connection.get<{ at: number | null }>(newest).at ?? 0);
}
