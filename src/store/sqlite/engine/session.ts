import type { Database, Statement } from "better-sqlite3";
import { Column, is, Param, Placeholder } from "drizzle-orm";
import { BetterSQLite3Database, BetterSQLiteSession, type PreparedQuery } from "drizzle-orm/better-sqlite3";
import { type PreparedQueryConfig, SQLiteSyncDialect } from "drizzle-orm/sqlite-core";

type Schemas = Record<string, never>;
type Preparation = Parameters<BetterSQLiteSession<Schemas, Schemas>["prepareQuery"]>;
type Values = Readonly<Record<string, unknown>>;

/**
 * Drizzle's session, but what a statement binds and what it reads are worked out once, when it is prepared. Drizzle does it
 * again with every run, which for a small row takes several times as long as SQLite itself.
 */
class PlannedSession extends BetterSQLiteSession<Schemas, Schemas> {
  readonly #client: Database;

  constructor(client: Database, dialect: SQLiteSyncDialect) {
    super(client, dialect, undefined);
    this.#client = client;
  }

  override prepareQuery<T extends Omit<PreparedQueryConfig, "run">>(
    ...preparation: Preparation
  ): PreparedQuery<T> {
    const prepared = super.prepareQuery<T>(...preparation);
    const [{ sql, params }, fields] = preparation;
    const columns = fields === undefined ? [] : plainColumns(fields);
    return columns === null
      ? prepared
      : Object.assign(prepared, plan(this.#client.prepare(sql), params, columns));
  }
}

/** A database of Drizzle's whose statements are planned. */
export function plannedDatabase(client: Database): BetterSQLite3Database & { $client: Database } {
  const dialect = new SQLiteSyncDialect();
  const database = new BetterSQLite3Database("sync", dialect, new PlannedSession(client, dialect), undefined);
  return Object.assign(database, { $client: client });
}

interface NamedColumn {
  readonly name: string;
  readonly column: Column;
}

/** The columns that a query selects; null where it selects more than that: whole tables of a join, expressions. */
function plainColumns(fields: NonNullable<Preparation[1]>): NamedColumn[] | null {
  const columns = fields.flatMap(({ path: [name = "", ...rest], field }) =>
    rest.length === 0 && is(field, Column) ? [{ name, column: field }] : [],
  );
  return columns.length === fields.length ? columns : null;
}

/** The methods of a prepared statement; without columns it is one that reads nothing. */
function plan(statement: Statement, params: readonly unknown[], columns: readonly NamedColumn[]) {
  const bind = binder(params);
  if (columns.length === 0) {
    return {
      run: (values?: Values) => statement.run(bind(values)),
      get: (values?: Values) => statement.get(bind(values)),
      all: (values?: Values) => statement.all(bind(values)),
    };
  }
  const read = reader(columns);
  statement.raw(true);
  return {
    get(values?: Values) {
      const row = statement.get(bind(values));
      return row === undefined ? undefined : read(row as unknown[]);
    },
    all: (values?: Values) => statement.all(bind(values)).map((row) => read(row as unknown[])),
  };
}

/** @returns what makes a statement's parameters of the values that a run is given */
function binder(params: readonly unknown[]): (values: Values | undefined) => unknown[] {
  const sources = params.map((param): ((values: Values) => unknown) => {
    if (is(param, Placeholder)) return given(param.name);
    if (!is(param, Param) || !is(param.value, Placeholder)) return () => param;
    const value = given(param.value.name);
    const { encoder } = param;
    if (is(encoder, Column) && encoder.mapToDriverValue === Column.prototype.mapToDriverValue) return value;
    return (values) => encoder.mapToDriverValue(value(values));
  });
  return (values = {}) => {
    const bound: unknown[] = [];
    for (const source of sources) bound.push(source(values));
    return bound;
  };
}

function given(name: string): (values: Values) => unknown {
  return (values) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the statement was given no ${name}`);
    return value;
  };
}

/** @returns what makes an object of a row's columns */
function reader(columns: readonly NamedColumn[]): (row: readonly unknown[]) => Record<string, unknown> {
  const plans = columns.map(({ name, column }) => ({
    name,
    map: column.mapFromDriverValue === Column.prototype.mapFromDriverValue ? null : column,
  }));
  return (row) => {
    const object: Record<string, unknown> = {};
    let index = 0;
    for (const { name, map } of plans) {
      const value = row[index];
      object[name] = value === null || map === null ? value : map.mapFromDriverValue(value);
      index += 1;
    }
    return object;
  };
}
