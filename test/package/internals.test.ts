import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import http2 from "node:http2";
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from "node:net";
import { createContextKey, createContextValues } from "@connectrpc/connect";
import Database from "better-sqlite3";
import { Column, eq, is, Param, Placeholder, sql } from "drizzle-orm";
import { BetterSQLite3Database, BetterSQLiteSession } from "drizzle-orm/better-sqlite3";
import { integer, SQLiteSyncDialect, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { Registry } from "prom-client";
import { afterEach, expect, test } from "vitest";
import { plannedDatabase } from "../../src/store/sqlite/engine/session.ts";
import { histogram } from "../../src/telemetry/series.ts";

// What we rely on beyond what Node and packages document. A test here that fails after an upgrade names what has changed, and the
// file of ours that must follow.

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

const things = sqliteTable("things", {
  id: text("id").primaryKey(),
  isOn: integer("is_on", { mode: "boolean" }).notNull(),
});

function memory(): Database.Database {
  const client = new Database(":memory:");
  cleanups.push(() => client.close());
  client.exec("CREATE TABLE things (id text PRIMARY KEY, is_on integer NOT NULL)");
  return client;
}

type Preparation = Parameters<
  BetterSQLiteSession<Record<string, never>, Record<string, never>>["prepareQuery"]
>;

/** How Drizzle has a session prepare a statement. */
function preparation(build: (database: BetterSQLite3Database) => { prepare(): unknown }): Preparation {
  const seen: Preparation[] = [];
  class Spy extends BetterSQLiteSession<Record<string, never>, Record<string, never>> {
    override prepareQuery(...args: Preparation): never {
      seen.push(args);
      return super.prepareQuery(...args) as never;
    }
  }
  const dialect = new SQLiteSyncDialect();
  build(
    new BetterSQLite3Database("sync", dialect, new Spy(memory(), dialect, undefined), undefined),
  ).prepare();
  const [only, ...others] = seen;
  if (only === undefined || others.length > 0) throw new Error(`prepared ${seen.length} times`);
  return only;
}

test("Drizzle has its session's prepareQuery prepare each statement once, with fields by path (store/sqlite/engine/session.ts)", () => {
  const [query, fields] = preparation((database) => database.select().from(things));
  expect(query).toMatchObject({ sql: 'select "id", "is_on" from "things"', params: [] });
  expect(fields?.map(({ path, field }) => [path, is(field, Column)])).toEqual([
    [["id"], true],
    [["isOn"], true],
  ]);
});

test("Drizzle leaves placeholders in params: alone, or in a Param with the encoder of the column that is written (store/sqlite/engine/session.ts)", () => {
  const values = { id: sql.placeholder("id"), isOn: sql.placeholder("isOn") };
  const [{ params: written }] = preparation((database) => database.insert(things).values(values));
  const [, isOn] = written;
  if (!is(isOn, Param)) throw new Error("no Param");
  expect([is(isOn.value, Placeholder), is(isOn.encoder, Column)]).toEqual([true, true]);
  expect(isOn.encoder.mapToDriverValue(true)).toBe(1);
  const [{ params: asked }] = preparation((database) =>
    database
      .select()
      .from(things)
      .where(eq(things.id, sql.placeholder("id"))),
  );
  expect(asked.map((param) => is(param, Placeholder))).toEqual([true]);
});

test("Drizzle's plain columns map values by Column's own two methods, which give them as they are (store/sqlite/engine/session.ts)", () => {
  const { mapToDriverValue, mapFromDriverValue } = Column.prototype;
  expect([things.id.mapToDriverValue, things.id.mapFromDriverValue]).toEqual([
    mapToDriverValue,
    mapFromDriverValue,
  ]);
  expect(things.isOn.mapFromDriverValue).not.toBe(mapFromDriverValue);
  expect(things.id.mapToDriverValue("x")).toBe("x");
});

test("Drizzle's prepared statements run by run, get and all, which can be set on them (store/sqlite/engine/session.ts)", () => {
  const database = plannedDatabase(memory());
  const insert = database
    .insert(things)
    .values({ id: sql.placeholder("id"), isOn: sql.placeholder("isOn") })
    .prepare();
  for (const method of ["run", "get", "all"]) expect(Object.hasOwn(insert, method)).toBe(true);
  insert.run({ id: "a", isOn: true });
  const select = database.select().from(things).prepare();
  expect([select.get(), select.all()]).toEqual([{ id: "a", isOn: true }, [{ id: "a", isOn: true }]]);
});

test("Node's hooks choose the CommonJS build of Drizzle for an import (start/drizzle-loading.ts)", () => {
  const at = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
  const program = `
    import { createRequire } from "node:module";
    await import(${at("src/start/drizzle-loading.ts")});
    await import(${at("src/store/sqlite/schema.ts")});
    const loaded = Object.keys(createRequire(${at("package.json")}).cache).filter((file) => file.includes("drizzle-orm"));
    console.log(loaded.length > 0 && loaded.every((file) => file.endsWith(".cjs")));`;
  const words = ["--input-type=module", "--eval", program];
  expect(execFileSync(process.execPath, words, { encoding: "utf8" })).toBe("true\n");
});

test("prom-client's registry asks of a metric its name and what get() gives (telemetry/series.ts)", async () => {
  const registry = new Registry();
  histogram({ registry, name: "a_seconds", help: "b", labelNames: ["c"] }, [1])({ c: "d" }).observe(0.5);
  expect(await registry.metrics()).toContain('a_seconds_bucket{c="d",le="1"} 1');
  expect(registry.getMetricsAsArray()).toHaveLength(1);
});

test("Connect's context keys hold a symbol and a default (http/call-values.ts)", () => {
  const key = createContextKey(7);
  expect(key).toEqual({ id: expect.any(Symbol), defaultValue: 7 });
  expect(Object.getOwnPropertySymbols(createContextValues().set(key, 8))).toEqual([key.id]);
});

/** Both ends of a connection. */
async function connected(): Promise<{ accepted: Socket; client: Socket }> {
  const server = createNetServer();
  cleanups.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const arrived = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const accepted = await arrived;
  cleanups.push(() => {
    client.destroy();
    accepted.destroy();
  });
  return { accepted, client };
}

test("Node's HTTP/2 server makes requests of streams in one listener, which can be taken away (http/connections/http-servers.ts)", () => {
  const server = http2.createServer(() => {});
  expect(server.listeners("stream")).toHaveLength(1);
});

test("Node's HTTP/2 server opens the session of a socket that it is given at once (http/connections/http-servers.ts)", async () => {
  const { accepted } = await connected();
  const server = http2.createServer();
  let opened: http2.ServerHttp2Session | undefined;
  server.once("session", (session) => {
    opened = session;
  });
  server.emit("connection", accepted);
  expect(opened?.socket.remotePort).toBe(accepted.remotePort);
  opened?.destroy();
});

test("Node's HTTP/2 streams take names and values in turn, the status among them (http/hot/http2.ts)", async () => {
  const { accepted, client } = await connected();
  const server = http2.createServer();
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.respond([":status", "418", "x-twice", "a", "x-twice", "b"]);
    stream.end();
  });
  server.emit("connection", accepted);
  const session = http2.connect("http://a", { createConnection: () => client });
  cleanups.push(() => session.destroy());
  const headers = await new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
    session.once("error", reject).request({ ":path": "/" }).once("response", resolve).once("error", reject);
  });
  expect([headers[":status"], headers["x-twice"]]).toEqual([418, "a, b"]);
});

test("Node's HTTP/1.1 server serves sockets that it is given, with what was put back into them, and asks whether to follow an upgrade (http/connections/ignored-upgrade.ts)", async () => {
  const { accepted, client } = await connected();
  let asked = 0;
  const refuse = () => {
    asked += 1;
    return false;
  };
  const server = createServer({ shouldUpgradeCallback: refuse }, (_req, res) => {
    res.writeHead(418, ["x-twice", "a", "x-twice", "b", "connection", "close"]);
    // Text in Latin-1 stands for the same bytes.
    res.end("\u00ff", "latin1");
  });
  accepted.unshift(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"));
  server.emit("connection", accepted);
  const pieces: Buffer[] = [];
  for await (const piece of client) pieces.push(piece);
  const answer = Buffer.concat(pieces).toString("latin1");
  expect(asked).toBe(1);
  expect(answer).toMatch(/^HTTP\/1\.1 418 .*x-twice: a\r\nx-twice: b\r\n.*\u00ff/s);
});
