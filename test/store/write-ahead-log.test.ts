import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { CommitQueue } from "../../src/store/sqlite/commit-queue.ts";
import { writeLogAgain } from "../../src/store/sqlite/log-again.ts";
import { OutsideChanges } from "../../src/store/sqlite/outside-changes.ts";
import { WriteAheadLog } from "../../src/store/sqlite/write-ahead-log.ts";

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-log-"));
  file = join(dir, "log.db");
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("the write-ahead log of a server", () => {
  let database: Database.Database;
  let other: Database.Database;
  let outside: OutsideChanges;
  let log: WriteAheadLog;
  let queue: CommitQueue;
  let failures: unknown[];

  beforeEach(() => {
    database = new Database(file, { timeout: 0 });
    database.pragma("journal_mode = WAL");
    database.exec("CREATE TABLE t (v)");
    // As tools have it: the log begins anew while they wait.
    other = new Database(file, { timeout: 1000 });
    outside = new OutsideChanges(database);
    failures = [];
    const onCheckpointFailed = (error: unknown) => void failures.push(error);
    log = new WriteAheadLog(database, outside, { checkpointFrames: 20, onCheckpointFailed });
    queue = new CommitQueue(database, { sync: log });
  });
  afterEach(async () => {
    other.close();
    await queue.close();
    await log.endCheckpoints();
    database.close();
    log.release();
  });

  const insert = (connection: Database.Database) =>
    connection.prepare("INSERT INTO t VALUES (randomblob(3000))");
  async function write(times: number): Promise<void> {
    const statement = insert(database);
    for (let i = 0; i < times; i += 1) await queue.run(() => statement.run());
  }
  const rows = () => database.prepare("SELECT count(*) FROM t").pluck().get();
  const logBytes = () => statSync(`${file}-wal`).size;
  const aCheckpoint = 20 * 4120;

  test("does not grow for ever, and what is in it comes into the database", async () => {
    await write(300);
    expect(rows()).toBe(300);
    expect(logBytes()).toBeLessThan(2 * aCheckpoint);
    expect(failures).toEqual([]);
  });

  test("its checkpoints are no changes from outside, which cost every caller a look into the tables", async () => {
    const before = outside.now();
    await write(100);
    expect(outside.now()).toBe(before);
  });

  test("and are none for whoever looks while they are made, as the calls of a busy server do", async () => {
    const before = outside.now();
    let writing = true;
    const looks = (async () => {
      for (; writing; await setImmediate()) for (let i = 0; i < 50; i += 1) outside.now();
    })();
    await write(300);
    writing = false;
    await looks;
    expect(outside.now()).toBe(before);
    insert(other).run();
    expect(outside.now()).toBe(before + 1);
  });

  test("nor are those that a reader of the newest state keeps from beginning the log anew", async () => {
    await write(5);
    const before = outside.now();
    other.exec("BEGIN");
    other.prepare("SELECT count(*) FROM t").get();
    const grown = logBytes();
    let checkpoint = log.prepare();
    for (; checkpoint === null; checkpoint = log.prepare()) {
      other.exec("COMMIT");
      insert(database).run();
      other.exec("BEGIN");
      other.prepare("SELECT count(*) FROM t").get();
    }
    await checkpoint;
    expect(logBytes()).toBeGreaterThan(grown);
    expect(outside.now()).toBe(before);
    other.exec("COMMIT");
    insert(other).run();
    expect(outside.now()).toBe(before + 1);
  });

  test("commits of others are changes, also one at the moment of a checkpoint", async () => {
    const before = outside.now();
    insert(other).run();
    expect(outside.now()).toBe(before + 1);
    for (let i = 0; i < 10; i += 1) {
      const seen = outside.now();
      let checkpoint = log.prepare();
      for (; checkpoint === null; checkpoint = log.prepare()) insert(database).run();
      // The thread was told, and has not begun.
      insert(other).run();
      await checkpoint;
      expect(outside.now()).toBeGreaterThan(seen);
    }
  });

  test("grows while a program reads an old state, and is brought in afterwards", async () => {
    other.exec("BEGIN");
    other.prepare("SELECT count(*) FROM t").get();
    await write(100);
    expect(logBytes()).toBeGreaterThan(3 * aCheckpoint);
    expect(rows()).toBe(100);
    other.exec("COMMIT");
    const grown = logBytes();
    await write(100);
    expect(logBytes()).toBeLessThan(grown + 2 * aCheckpoint);
    expect(failures).toEqual([]);
  });

  test("goes on beside a program that has brought everything into the database", async () => {
    await write(5);
    const seen = outside.now();
    other.pragma("wal_checkpoint(PASSIVE)");
    await write(1);
    expect(rows()).toBe(6);
    expect(outside.now()).toBe(seen);
  });

  test("begins anew after a program that writes just then", async () => {
    // The thread runs from here on.
    await write(30);
    other.pragma("wal_checkpoint(PASSIVE)");
    other.exec("BEGIN IMMEDIATE");
    const released = setTimeout(50).then(() => other.exec("COMMIT"));
    await Promise.all([write(1), released]);
    expect(rows()).toBe(31);
    expect(failures).toEqual([]);
  });

  test("is in the database after a clean end", async () => {
    await write(3);
    other.close();
    await queue.close();
    await log.endCheckpoints();
    database.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    database = new Database(file);
    expect(rows()).toBe(3);
  });
});

test("a log that was left behind is written again, byte for byte", () => {
  const server = new Database(file);
  server.pragma("journal_mode = WAL");
  server.pragma("wal_autocheckpoint = 0");
  server.exec("CREATE TABLE t (v)");
  // More than is copied at once, and no multiple of it.
  for (let i = 0; i < 5; i += 1) server.exec("INSERT INTO t VALUES (randomblob(300000))");
  const left = readFileSync(`${file}-wal`);
  expect(left.length).toBeGreaterThan(1024 * 1024);
  const copy = join(dir, "left.db");
  writeFileSync(copy, readFileSync(file));
  writeFileSync(`${copy}-wal`, left);
  server.close();

  const next = new Database(copy);
  utimesSync(`${copy}-wal`, 1, 1);
  writeLogAgain(next);
  expect(readFileSync(`${copy}-wal`).equals(left)).toBe(true);
  expect(statSync(`${copy}-wal`).mtimeMs).toBeGreaterThan(1000);
  expect(next.prepare("SELECT count(*) FROM t").pluck().get()).toBe(5);
  next.close();
});
