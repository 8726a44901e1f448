import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { CommitQueue } from "../../src/store/sqlite/commit-queue.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { domainError } from "./contract/setting.ts";

describe("the commit queue", () => {
  let database: Database.Database;
  let executed: string[];
  let queue: CommitQueue;

  beforeEach(() => {
    executed = [];
    database = new Database(":memory:", { verbose: (sql) => executed.push(String(sql)) });
    database.exec("CREATE TABLE t (v BLOB UNIQUE)");
    queue = new CommitQueue(database);
  });
  afterEach(() => void database.close());

  const insert = (value: unknown) => () => database.prepare("INSERT INTO t VALUES (?)").run(value).changes;
  const kept = () => database.prepare("SELECT v FROM t ORDER BY v").pluck().all();
  const commits = () => executed.filter((sql) => sql === "COMMIT").length;

  test("what arrives together shares one commit", async () => {
    const results = await Promise.all(Array.from({ length: 200 }, (_, i) => queue.run(insert(i))));
    expect(results).toEqual(Array.from({ length: 200 }, () => 1));
    expect(commits()).toBe(1);
    expect(kept()).toHaveLength(200);
  });

  test("a burst is cut into commits of bounded size, in the order of arrival", async () => {
    queue = new CommitQueue(database, { limit: 10 });
    await Promise.all(Array.from({ length: 25 }, (_, i) => queue.run(insert(i))));
    expect(commits()).toBe(3);
    expect(database.prepare("SELECT v FROM t ORDER BY rowid").pluck().all()).toEqual(
      Array.from({ length: 25 }, (_, i) => i),
    );
  });

  test("each commit tells how many writes it holds and how long it took, and the queue how many wait", async () => {
    const clock = testClock();
    const told: [number, number][] = [];
    const onBatch = (writes: number, seconds: number) => void told.push([writes, seconds]);
    queue = new CommitQueue(database, { limit: 2, clock, onBatch });
    const slow = () => clock.advance(30);
    const writes = [queue.run(slow), queue.run(slow), queue.run(slow)];
    expect(queue.length).toBe(3);
    await Promise.all(writes);
    expect(queue.length).toBe(0);
    expect(told).toEqual([
      [2, 0.06],
      [1, 0.03],
    ]);
  });

  test("no promise settles before its commit", async () => {
    const seen: number[] = [];
    await Promise.all([
      queue.run(insert(1)).then(() => seen.push(commits())),
      queue.run(insert(1)).catch(() => seen.push(commits())),
      queue.run(insert(2)).then(() => seen.push(commits())),
    ]);
    expect(seen).toEqual([1, 1, 1]);
  });

  test("a write that throws takes back its own work and nobody else's", async () => {
    const outcomes = await Promise.allSettled([
      queue.run(insert("before")),
      queue.run(() => {
        insert("half done")();
        throw new RangeError("stop");
      }),
      queue.run(() => {
        insert("lost")();
        insert("before")();
      }),
      queue.run(insert("after")),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: { message: "stop" } });
    expect(kept()).toEqual(["after", "before"]);
  });

  test("writes get a savepoint of their own once one has to be taken back, and no sooner", async () => {
    const savepoints = () => executed.filter((sql) => sql === "SAVEPOINT job").length;
    const refused = () => {
      throw new RangeError("no");
    };
    await Promise.allSettled([queue.run(insert(1)), queue.run(refused), queue.run(insert(1))]);
    expect([savepoints(), commits(), kept()]).toEqual([0, 1, [1]]);
    const halfDone = () => {
      insert(3)();
      refused();
    };
    await Promise.allSettled([queue.run(insert(2)), queue.run(halfDone), queue.run(insert(4))]);
    expect([savepoints(), commits(), kept()]).toEqual([3, 2, [1, 2, 4]]);
    await queue.run(insert(5));
    expect(savepoints()).toBe(3);
  });

  test("asynchronous work is refused and leaves nothing", async () => {
    const refused = queue.run(async () => insert("early")());
    await expect(refused).rejects.toThrow("a write must be synchronous");
    expect(kept()).toEqual([]);
  });

  test("a full disk refuses the writes that shared it, keeps nothing of them, and passes", async () => {
    await queue.run(insert("old"));
    const pages = Number(database.pragma("page_count", { simple: true }));
    database.pragma(`max_page_count = ${pages + 2}`);
    const large = Buffer.alloc(64 * 1024, 1);
    const refused = await Promise.all([
      domainError(queue.run(insert("neighbour"))),
      domainError(queue.run(insert(large))),
    ]);
    for (const error of refused) {
      expect(error).toMatchObject({ kind: "resource_exhausted", reason: "DISK_FULL" });
      expect(error.retryAfterMs).toBeGreaterThan(0);
    }
    expect(kept()).toEqual(["old"]);
    await queue.run(insert("small"));
    database.pragma("max_page_count = 100000");
    await queue.run(insert(large));
    expect(kept()).toHaveLength(3);
  });

  test("a database that cannot be written now is unavailable, and passes", async () => {
    database.close();
    database = new Database(":memory:");
    database.exec("CREATE TABLE t (v BLOB UNIQUE)");
    database.pragma("query_only = ON");
    queue = new CommitQueue(database);
    expect(await domainError(queue.run(insert(1)))).toMatchObject({
      kind: "unavailable",
      reason: "STORE_UNAVAILABLE",
    });
    database.pragma("query_only = OFF");
    expect(await queue.run(insert(1))).toBe(1);
  });

  test("a rollback that fails too leaves nobody without an answer, and is made up for", async () => {
    const exec = database.exec.bind(database);
    const broken = Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR" });
    database.exec = (sql) => {
      if (sql === "COMMIT" || sql === "ROLLBACK") throw broken;
      return exec(sql);
    };
    const refused = await Promise.all([domainError(queue.run(insert(1))), domainError(queue.run(insert(2)))]);
    for (const error of refused) expect(error).toMatchObject({ kind: "unavailable" });
    // The transaction is still open: what comes next must not commit what was refused.
    expect(await domainError(queue.run(insert(3)))).toMatchObject({ kind: "unavailable" });
    database.exec = exec;
    await queue.run(insert(4));
    expect(kept()).toEqual([4]);
  });

  test("closing commits what was accepted and takes nothing more", async () => {
    const accepted = queue.run(insert("accepted"));
    queue.close();
    expect(kept()).toEqual(["accepted"]);
    expect(await accepted).toBe(1);
    expect(await domainError(queue.run(insert("late")))).toMatchObject({ kind: "unavailable" });
  });
});

describe("a database that another process holds", () => {
  let dir: string;
  let database: Database.Database;
  let other: Database.Database;
  let tries: number;
  let clock: TestClock;
  let queue: CommitQueue;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "rollcall-held-"));
    const file = join(dir, "held.db");
    tries = 0;
    database = new Database(file, {
      timeout: 0,
      verbose: (sql) => {
        if (sql === "BEGIN IMMEDIATE") tries += 1;
      },
    });
    database.pragma("journal_mode = WAL");
    database.exec("CREATE TABLE t (v)");
    other = new Database(file);
    clock = testClock();
    queue = new CommitQueue(database, { limit: 2, clock });
    other.exec("BEGIN IMMEDIATE");
  });
  afterEach(() => {
    other.close();
    database.close();
    rmSync(dir, { recursive: true });
  });

  const insert = (value: unknown) => () => database.prepare("INSERT INTO t VALUES (?)").run(value).changes;
  const kept = () => database.prepare("SELECT v FROM t ORDER BY rowid").pluck().all();
  /** Waits until the queue has tried `count` more times. */
  async function tried(count: number): Promise<void> {
    const enough = tries + count;
    while (tries < enough) await setTimeout(1);
  }

  test("writes wait in their order while the event loop goes on, and none is lost", async () => {
    const early = [1, 2, 3].map((value) => queue.run(insert(value)));
    await tried(1);
    const late = [4, 5].map((value) => queue.run(insert(value)));
    await tried(2);
    expect(kept()).toEqual([]);
    clock.advance(4999);
    await tried(2);
    other.exec("ROLLBACK");
    await Promise.all([...early, ...late]);
    expect(kept()).toEqual([1, 2, 3, 4, 5]);
  });

  test("writes that are run again wait for another process as well, and none is lost", async () => {
    other.exec("ROLLBACK");
    let runs = 0;
    const writes = [
      queue.run(insert(1)),
      queue.run(() => {
        insert(2)();
        runs += 1;
        throw new RangeError("stop");
      }),
    ];
    const exec = database.exec.bind(database);
    database.exec = (sql) => {
      const done = exec(sql);
      if (sql === "ROLLBACK") other.exec("BEGIN IMMEDIATE");
      return done;
    };
    await tried(3);
    other.exec("ROLLBACK");
    expect((await Promise.allSettled(writes)).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect([runs, kept()]).toEqual([2, [1]]);
  });

  test("new writes do not add tries to those of the timer", async () => {
    const first = queue.run(insert(1));
    await tried(1);
    const more: Promise<number>[] = [];
    // The timer's own try may fall in between, but not each time.
    await eventually(async () => {
      const before = tries;
      more.push(...[2, 3, 4].map((value) => queue.run(insert(value))));
      await setImmediate();
      await setImmediate();
      expect(tries).toBe(before);
    });
    other.exec("ROLLBACK");
    await Promise.all([first, ...more]);
  });

  test("a write is unavailable after 5 s of waiting, and one that came later waits on", async () => {
    const early = [1, 2, 3].map((value) => domainError(queue.run(insert(value))));
    await tried(1);
    clock.advance(3000);
    const late = queue.run(insert(4));
    await tried(1);
    clock.advance(2000);
    for (const error of await Promise.all(early)) {
      expect(error).toMatchObject({ kind: "unavailable", reason: "STORE_UNAVAILABLE" });
      expect(error.retryAfterMs).toBeGreaterThan(0);
    }
    other.exec("ROLLBACK");
    await late;
    expect(kept()).toEqual([4]);
  });

  test("closing ends although the database stays held, and rejects what was waiting", async () => {
    const waiting = [1, 2, 3, 4, 5].map((value) => domainError(queue.run(insert(value))));
    await tried(1);
    queue.close();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ kind: "unavailable" });
    const before = tries;
    await setTimeout(60);
    expect(tries).toBe(before);
  });

  test("closing commits what was waiting when the database is free again", async () => {
    const waiting = [1, 2, 3].map((value) => queue.run(insert(value)));
    await tried(1);
    other.exec("ROLLBACK");
    queue.close();
    expect(kept()).toEqual([1, 2, 3]);
    await Promise.all(waiting);
  });
});
