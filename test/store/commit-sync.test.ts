import { setImmediate, setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { CommitQueue, type CommitQueueOptions } from "../../src/store/sqlite/commit-queue.ts";
import { durableAnswers } from "../../src/store/sqlite/durable-answers.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { type HeldDisk, heldDisk, watchSettling } from "../support/held-disk.ts";
import { domainError } from "./contract/setting.ts";

describe("a commit queue whose commits are brought to disk apart", () => {
  let database: Database.Database;
  let disk: HeldDisk;
  let clock: TestClock;
  let queue: CommitQueue;
  let before: Promise<void> | null;
  let failures: unknown[];

  const open = (options: CommitQueueOptions = {}) => {
    const sync = { prepare: () => before, sync: () => disk.syncFile(0) };
    const onFailed = (cause: unknown) => void failures.push(cause);
    queue = new CommitQueue(database, { sync, clock, onFailed, ...options });
  };
  beforeEach(() => {
    database = new Database(":memory:");
    database.exec("CREATE TABLE t (v UNIQUE)");
    disk = heldDisk(async () => {});
    clock = testClock();
    before = null;
    failures = [];
    open();
  });
  afterEach(() => void database.close());

  const insert = (value: unknown) => () => database.prepare("INSERT INTO t VALUES (?)").run(value).changes;
  const kept = () => database.prepare("SELECT v FROM t ORDER BY rowid").pluck().all();
  /** Time enough for whatever can go on. */
  const turns = async () => {
    for (let i = 0; i < 10; i += 1) await setImmediate();
  };

  test("nothing is told before its sync has ended, while the event loop goes on", async () => {
    const told: string[] = [];
    open({ onBatch: (writes) => told.push(`batch of ${writes}`) });
    queue.onCommit(() => told.push("listener"));
    disk.hold();
    const { watch, settled } = watchSettling();
    const good = watch("good", queue.run(insert(1)));
    const bad = watch("bad", queue.run(insert(1)));
    bad.catch(() => {});
    await disk.waits();
    await turns();
    expect([kept(), settled, told]).toEqual([[1], [], []]);
    disk.release();
    expect(await good).toBe(1);
    await expect(bad).rejects.toThrow("UNIQUE");
    expect(told).toEqual(["batch of 2", "listener"]);
  });

  test("a write that waits for a disk that stalls is refused or carried out, never both", async () => {
    const patienceMs = 50;
    open({ patienceMs });
    const put = (value: unknown) => queue.run(insert(value));
    const things = { put, get: async () => kept() };
    const parts = durableAnswers({ things, tokens: { findAccessToken: async () => null } } as never, queue);
    const { things: held } = parts as unknown as { things: typeof things };
    disk.hold();
    const first = held.put("under way");
    await disk.waits();
    await clock.advance(patienceMs - 10);
    const second = held.put("waits");
    // The commit under way has been so for too long now, which readers are told, and the second has waited 20 ms.
    await clock.advance(20);
    await expect(held.get()).rejects.toThrow("does not answer");
    const third = held.put("comes later");
    await turns();
    disk.release();
    expect(await Promise.all([first, second, third])).toEqual([1, 1, 1]);
    expect(await held.get()).toEqual(["under way", "waits", "comes later"]);
  });

  test("what arrives during a sync shares the next commit, in order", async () => {
    disk.hold();
    const first = queue.run(insert(1));
    await disk.waits();
    const later = [2, 3, 4].map((value) => queue.run(insert(value)));
    await turns();
    expect([kept(), disk.syncs]).toEqual([[1], 1]);
    disk.release();
    await Promise.all([first, ...later]);
    expect([kept(), disk.syncs]).toEqual([[1, 2, 3, 4], 2]);
  });

  test("what a commit must wait for comes first", async () => {
    const done = Promise.withResolvers<void>();
    before = done.promise;
    const write = queue.run(insert(1));
    await turns();
    expect(kept()).toEqual([]);
    before = null;
    done.resolve();
    expect(await write).toBe(1);
  });

  test("all is settled at once but while a commit is on its way to disk", async () => {
    expect(queue.settled()).toBeNull();
    disk.hold();
    const write = queue.run(insert(1));
    expect(queue.settled()).toBeNull();
    await disk.waits();
    const { watch, settled } = watchSettling();
    const reads = [1, 2].map((read) => watch(`read ${read}`, queue.settled() ?? Promise.reject()));
    await turns();
    expect(settled).toEqual([]);
    disk.release();
    await Promise.all([write, ...reads]);
    expect(queue.settled()).toBeNull();
  });

  test("while the disk does not answer, waiting writes and reads lose patience after 5 s, and the commit does not", async () => {
    disk.hold();
    const first = queue.run(insert(1));
    await disk.waits();
    const write = domainError(queue.run(insert(2)));
    const read = domainError(queue.settled() ?? Promise.resolve());
    clock.advance(4999);
    const { watch, settled } = watchSettling();
    for (const [name, promise] of Object.entries({ write, read })) watch(name, promise);
    await setTimeout(50);
    expect(settled).toEqual([]);
    clock.advance(1);
    for (const error of [await write, await read]) {
      expect(error).toMatchObject({ kind: "unavailable", reason: "STORE_UNAVAILABLE" });
      expect(error.message).toContain("nothing was changed");
    }
    // Those that come now do not wait for what others have waited for in vain.
    expect(await domainError(queue.settled() ?? Promise.resolve())).toMatchObject({ kind: "unavailable" });
    disk.release();
    expect(await first).toBe(1);
    expect(queue.settled()).toBeNull();
    expect(await queue.run(insert(3))).toBe(1);
    expect(kept()).toEqual([1, 3]);
  });

  test("after a sync that fails nothing is answered any more, and it is told once", async () => {
    disk.hold();
    const write = domainError(queue.run(insert(1)));
    await disk.waits();
    const waiting = domainError(queue.run(insert(2)));
    const read = domainError(queue.settled() ?? Promise.resolve());
    disk.break();
    for (const error of [await write, await waiting, await read, await domainError(queue.run(insert(3)))]) {
      expect(error).toMatchObject({ kind: "unavailable", reason: "STORE_UNAVAILABLE" });
      // It may have been.
      expect(error.message).not.toContain("nothing was changed");
    }
    expect(await domainError(queue.settled() ?? Promise.resolve())).toMatchObject({ kind: "unavailable" });
    await turns();
    expect([kept(), failures.length, queue.failed, disk.syncs]).toEqual([[1], 1, true, 1]);
    await queue.close();
  });

  test("closing waits for the sync that is under way, and SQLite waits for the disk with the rest", async () => {
    disk.hold();
    const { watch, settled } = watchSettling();
    const first = watch("first", queue.run(insert(1)));
    await disk.waits();
    const second = watch("second", queue.run(insert(2)));
    const closed = watch("closed", queue.close());
    await turns();
    expect(settled).toEqual([]);
    disk.release();
    await closed;
    expect(settled).toEqual(["first", "second", "closed"]);
    await Promise.all([first, second]);
    expect([kept(), disk.syncs]).toEqual([[1, 2], 1]);
    expect(database.pragma("synchronous", { simple: true })).toBe(2);
    expect(await domainError(queue.run(insert(3)))).toMatchObject({ kind: "unavailable" });
  });

  test("a commit that fails is refused as ever, and needs no sync", async () => {
    database.pragma("query_only = ON");
    expect(await domainError(queue.run(insert(1)))).toMatchObject({ reason: "STORE_UNAVAILABLE" });
    database.pragma("query_only = OFF");
    expect(queue.settled()).toBeNull();
    expect(await queue.run(insert(1))).toBe(1);
  });
});
