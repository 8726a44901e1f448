import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { CommitQueue } from "../../src/store/sqlite/commit-queue.ts";
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
    queue = new CommitQueue(database, 10);
    await Promise.all(Array.from({ length: 25 }, (_, i) => queue.run(insert(i))));
    expect(commits()).toBe(3);
    expect(database.prepare("SELECT v FROM t ORDER BY rowid").pluck().all()).toEqual(
      Array.from({ length: 25 }, (_, i) => i),
    );
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

  test("closing commits what was accepted and takes nothing more", async () => {
    const accepted = queue.run(insert("accepted"));
    queue.close();
    expect(kept()).toEqual(["accepted"]);
    expect(await accepted).toBe(1);
    expect(await domainError(queue.run(insert("late")))).toMatchObject({ kind: "unavailable" });
  });
});
