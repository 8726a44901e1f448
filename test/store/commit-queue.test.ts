import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Claims } from "../../src/store/sqlite/engine/claims.ts";
import { CommitQueue, type Outcome } from "../../src/store/sqlite/engine/commit-queue.ts";
import { DiskTrouble } from "../../src/store/sqlite/engine/disk-trouble.ts";

let database: Database.Database;
let executed: string[];
let claims: Claims;
let queue: CommitQueue;
let told: (Error | null)[];

function use(opened: Database.Database): void {
  database = opened;
  claims = new Claims(Claims.memory());
  told = [];
  queue = new CommitQueue(database, claims, new DiskTrouble(database, (trouble) => void told.push(trouble)));
}

beforeEach(() => {
  executed = [];
  use(new Database(":memory:", { verbose: (sql) => executed.push(String(sql)) }));
  database.exec("CREATE TABLE t (v BLOB UNIQUE)");
});
afterEach(() => void database.close());

const insert = (value: unknown) => () => database.prepare("INSERT INTO t VALUES (?)").run(value).changes;
const kept = () => database.prepare("SELECT v FROM t ORDER BY v").pluck().all();
const commits = () => executed.filter((sql) => sql === "COMMIT").length;
let slots = 0;

/** What came of the works in one commit, in their order. */
function commit(...works: readonly (() => unknown)[]): Outcome[] {
  const jobs = works.map((work) => ({ slot: slots++, work }));
  const { outcomes } = queue.commit(jobs);
  return jobs.map(({ slot }) => outcomes.find((outcome) => outcome.slot === slot) as Outcome);
}

const kinds = (outcomes: readonly Outcome[]) => outcomes.map(({ kind }) => kind);

describe("one commit", () => {
  test("holds all that arrived together, and says how many writes it holds", () => {
    const jobs = Array.from({ length: 200 }, (_, i) => ({ slot: slots++, work: insert(i) }));
    const { outcomes, writes } = queue.commit(jobs);
    expect(outcomes).toEqual(jobs.map(({ slot }) => ({ slot, kind: "done", value: 1 })));
    expect([commits(), writes, kept().length]).toEqual([1, 200, 200]);
  });

  test("leaves out what the main thread has given up, and takes the rest so that it cannot be given up", () => {
    const jobs = [1, 2, 3].map((value) => ({ slot: slots++, work: insert(value) }));
    const [first, second, third] = jobs.map(({ slot }) => slot) as [number, number, number];
    expect(claims.giveUp(second)).toBe(true);
    const { outcomes, writes } = queue.commit(jobs);
    expect(outcomes).toContainEqual({ slot: second, kind: "given up" });
    expect([writes, kept()]).toEqual([2, [1, 3]]);
    expect([claims.giveUp(first), claims.giveUp(third)]).toEqual([false, false]);
  });

  test("a write that throws rolls back its own work and that of no other", () => {
    const outcomes = commit(
      insert("before"),
      () => {
        insert("half done")();
        throw new RangeError("stop");
      },
      () => {
        insert("lost")();
        insert("before")();
      },
      insert("after"),
    );
    expect(kinds(outcomes)).toEqual(["done", "refused", "refused", "done"]);
    expect(outcomes[1]).toMatchObject({ error: { message: "stop" } });
    expect(kept()).toEqual(["after", "before"]);
  });

  test("its writes get savepoints of their own once one has to be rolled back, and no sooner", () => {
    const savepoints = () => executed.filter((sql) => sql === "SAVEPOINT job").length;
    const refused = () => {
      throw new RangeError("no");
    };
    commit(insert(1), refused, insert(1));
    expect([savepoints(), commits(), kept()]).toEqual([0, 1, [1]]);
    const halfDone = () => {
      insert(3)();
      refused();
    };
    commit(insert(2), halfDone, insert(4));
    expect([savepoints(), commits(), kept()]).toEqual([3, 2, [1, 2, 4]]);
    commit(insert(5));
    expect(savepoints()).toBe(3);
  });

  test("asynchronous work is refused and leaves nothing", () => {
    const [outcome] = commit(async () => insert("early")());
    expect(outcome).toMatchObject({ kind: "refused", error: { message: "a write must be synchronous" } });
    expect(kept()).toEqual([]);
  });
});

describe("a disk that refuses", () => {
  test("when it is full, the writes that share the commit are refused, nothing of them is kept, and it passes", () => {
    commit(insert("old"));
    const pages = Number(database.pragma("page_count", { simple: true }));
    database.pragma(`max_page_count = ${pages + 2}`);
    const large = Buffer.alloc(64 * 1024, 1);
    for (const outcome of commit(insert("neighbour"), insert(large))) {
      expect(outcome).toMatchObject({
        kind: "refused",
        error: { kind: "resource_exhausted", reason: "DISK_FULL", retryAfterMs: 1000 },
      });
    }
    expect(kept()).toEqual(["old"]);
    database.pragma("max_page_count = 100000");
    expect(kinds(commit(insert(large), insert("small")))).toEqual(["done", "done"]);
    expect(told).toMatchObject([{ code: "SQLITE_FULL" }, null]);
  });

  test.each(["together", "each in a savepoint"])(
    "when SQLite rolls all back under a write that goes on, nothing of the commit is acknowledged: run %s",
    (how) => {
      commit(insert("old"));
      const pages = Number(database.pragma("page_count", { simple: true }));
      database.pragma(`max_page_count = ${pages + 2}`);
      const goesOn = () => {
        try {
          insert(Buffer.alloc(64 * 1024, 1))();
        } catch {}
      };
      const throwsLate = () => {
        insert("half done")();
        throw new RangeError("stop");
      };
      const works = [insert("before"), ...(how === "together" ? [] : [throwsLate]), goesOn, insert("behind")];
      for (const outcome of commit(...works)) {
        expect(outcome).toMatchObject({ kind: "refused", error: { kind: "unavailable" } });
      }
      expect(kept()).toEqual(["old"]);
    },
  );

  test("when it takes no writes, they are unavailable, and it passes", () => {
    database.pragma("query_only = ON");
    const [refused] = commit(insert(1));
    expect(refused).toMatchObject({ error: { kind: "unavailable", reason: "STORE_UNAVAILABLE" } });
    database.pragma("query_only = OFF");
    expect(kinds(commit(insert(1)))).toEqual(["done"]);
  });

  test("a rollback that fails too leaves no write without an answer, and is made up for", () => {
    const exec = database.exec.bind(database);
    const broken = Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR" });
    database.exec = (sql) => {
      if (sql === "COMMIT" || sql === "ROLLBACK") throw broken;
      return exec(sql);
    };
    expect(kinds(commit(insert(1), insert(2)))).toEqual(["refused", "refused"]);
    // The transaction is still open: what comes next must not commit what was refused.
    expect(kinds(commit(insert(3)))).toEqual(["refused"]);
    database.exec = exec;
    expect(kinds(commit(insert(4)))).toEqual(["done"]);
    expect(kept()).toEqual([4]);
  });

  test.each(["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC"])(
    "%s in the commit is told as a sync that failed",
    (code) => {
      const exec = database.exec.bind(database);
      const broken = Object.assign(new Error("disk I/O error"), { code });
      database.exec = (sql) => {
        if (sql === "COMMIT") throw broken;
        return exec(sql);
      };
      const { outcomes, writes, syncFailure } = queue.commit([{ slot: slots++, work: insert(1) }]);
      expect([writes, syncFailure]).toEqual([0, broken]);
      expect(outcomes).toMatchObject([{ kind: "refused", error: { kind: "unavailable" } }]);
      expect(outcomes).not.toMatchObject([
        { error: { message: expect.stringContaining("nothing was changed") } },
      ]);
    },
  );
});

describe("a database that another process holds", () => {
  let dir: string;
  let other: Database.Database;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "rollcall-held-"));
    const file = join(dir, "held.db");
    database.close();
    use(new Database(file, { timeout: 0 }));
    database.pragma("journal_mode = WAL");
    database.exec("CREATE TABLE t (v)");
    other = new Database(file);
  });
  afterEach(() => {
    other.close();
    rmSync(dir, { recursive: true });
  });

  test("is unavailable, and nothing is changed", () => {
    other.exec("BEGIN IMMEDIATE");
    expect(commit(insert(1), insert(2))).toMatchObject(
      [1, 2].map(() => ({ kind: "refused", error: { kind: "unavailable", reason: "STORE_UNAVAILABLE" } })),
    );
    other.exec("ROLLBACK");
    expect([kinds(commit(insert(3))), kept()]).toEqual([["done"], [3]]);
    // Another program is no trouble of the disk.
    expect(told).toEqual([]);
  });

  test("writes that would be run again are refused when it takes the database in between", () => {
    const exec = database.exec.bind(database);
    database.exec = (sql) => {
      const done = exec(sql);
      if (sql === "ROLLBACK") other.exec("BEGIN IMMEDIATE");
      return done;
    };
    const outcomes = commit(insert(1), () => {
      insert(2)();
      throw new RangeError("stop");
    });
    expect(kinds(outcomes)).toEqual(["refused", "refused"]);
    other.exec("ROLLBACK");
    expect(kept()).toEqual([]);
  });
});
