import Database, { type Statement } from "better-sqlite3";

export interface Row {
  readonly id: string;
  readonly payload: Uint8Array;
}

/** A database as the server opens its own, with one table. */
export function openTable(file: string): Database.Database {
  const database = new Database(file);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  database.exec("CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, payload BLOB NOT NULL)");
  return database;
}

export function insertRow(database: Database.Database): Statement<Row> {
  return database.prepare("INSERT INTO rows VALUES (:id, :payload)");
}
