import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { sql } from "drizzle-orm";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { StoreRefusedError } from "../../store.ts";
import { writeLogAgain } from "../log-again.ts";
import { isBusy, sqliteCode } from "./failures.ts";
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

/** How long the opening, and every write of a tool, waits for another program on the same file, in milliseconds. */
const busyTimeoutMs = 5000;

/**
 * Opens the database and brings its schema up to date.
 * @param mode `"create"` makes and migrates the file; `"existing"` takes it as it is, and refuses an old schema.
 * @throws UnusableDatabaseError for a file of a newer version, of another program, that cannot be upgraded, or
 *   (`"existing"`) none at all.
 */
export function openConnection(file: string, mode: "create" | "existing"): Connection {
  if (mode === "existing" && !existsSync(file)) {
    throw new UnusableDatabaseError(`${file} does not exist; start the server once, or check --data-dir`);
  }
  const client = new Database(file, { timeout: busyTimeoutMs });
  try {
    const connection = plannedDatabase(client);
    refuseForeignFile(client, file);
    client.pragma("journal_mode = WAL");
    client.pragma("synchronous = FULL");
    client.pragma("foreign_keys = ON");
    const { applied, newest } = refuseNewerSchema(connection, file);
    if (mode === "create") {
      writeLogAgain(client);
      client.pragma(`application_id = ${applicationId}`);
      if (applied < newest) upgrade(connection, file);
      // SQLite would wait with the event loop in its hands. From here on only the commit queue writes, and it waits
      // by itself; reads wait for nobody in a write-ahead log.
      client.pragma("busy_timeout = 0");
    } else if (applied < newest) {
      throw new UnusableDatabaseError(`${file} has an older schema; start this version's server once`);
    }
    return connection;
  } catch (error) {
    client.close();
    throw asUnusable(error, file);
  }
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
