import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { noQuotas } from "../../src/domain/limits/quotas.ts";
import { type OpenStoreOptions, openStore } from "../../src/start/open-store.ts";
import { idleWriterThreads } from "../../src/store/sqlite/engine/writer-threads.ts";
import type { Store } from "../../src/store/store.ts";
import { testClock } from "../support/clock.ts";
import { exchangeTokenOf, foundingOf, register, runnerOf } from "../support/records.ts";
import { domainError } from "./contract/setting.ts";

// What a thread that has written to one store takes with it to the next: nothing.

let dir: string;
const opened: Store[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-threads-"));
  // Of other tests of this process.
  await Promise.all([...idleWriterThreads.keys()].map((thread) => thread.terminate()));
  expect(idleWriterThreads.size).toBe(0);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  rmSync(dir, { recursive: true });
});

function open(name: string, options: OpenStoreOptions = {}): Store {
  const store = openStore(join(dir, name), "server", { quotas: noQuotas, ...options });
  opened.push(store);
  return store;
}

async function organizationOf(store: Store): Promise<string> {
  const founding = foundingOf();
  await store.founding.found(founding);
  return founding.organization.id;
}

const write = (store: Store, organizationId: string) =>
  register(store.runners, runnerOf(organizationId), exchangeTokenOf());

/** The one thread that waits for a store. */
function onlyIdle(): Worker {
  const [thread, ...more] = idleWriterThreads.keys();
  if (thread === undefined || more.length > 0) throw new Error("expected one idle thread");
  return thread;
}

/** When the ids of a file's audit entries were made, in wall-clock milliseconds: they begin with it. */
function auditTimes(name: string): number[] {
  const client = new Database(join(dir, name), { readonly: true });
  const ids = client.prepare<[], string>("SELECT id FROM audit_log").pluck().all();
  client.close();
  return ids.map((id) => Number.parseInt(id.replace("-", "").slice(0, 12), 16));
}

test("the next store has the thread, with a file, quotas, a clock and an observer of its own", async () => {
  const heard: string[] = [];
  const [before, later] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 5, 1)];
  const first = open("first.db", {
    clock: testClock(before),
    quotas: { ...noQuotas, runners: 2 },
    observer: { onBatch: () => void heard.push("first") },
  });
  const inFirst = await organizationOf(first);
  await write(first, inFirst);
  expect(await domainError(write(first, inFirst))).toMatchObject({ kind: "resource_exhausted" });
  await first.close();
  const thread = onlyIdle();
  heard.length = 0;

  const second = open("second.db", {
    clock: testClock(later),
    observer: { onBatch: () => void heard.push("second") },
  });
  expect(idleWriterThreads.has(thread)).toBe(false);
  const inSecond = await organizationOf(second);
  await Promise.all([write(second, inSecond), write(second, inSecond)]);
  expect(await domainError(write(first, inFirst))).toMatchObject({ message: "the store is closed" });
  expect((await second.vitals()).waiting).toBe(0);
  await second.close();
  expect(onlyIdle()).toBe(thread);
  expect(new Set(heard)).toEqual(new Set(["second"]));
  expect(Math.max(...auditTimes("first.db"))).toBeLessThan(later);
  expect(Math.min(...auditTimes("second.db"))).toBeGreaterThanOrEqual(later);
});

test("a write that the first store gave up is not made in the next one, on the same file", async () => {
  const clock = testClock();
  const first = open("rollcall.db", { clock });
  const organizationId = await organizationOf(first);
  const holder = new Database(join(dir, "rollcall.db"));
  holder.exec("BEGIN IMMEDIATE");
  const refused = domainError(write(first, organizationId));
  clock.advance(5000);
  expect(await refused).toMatchObject({ kind: "unavailable" });
  holder.exec("ROLLBACK");
  await first.close();
  const thread = onlyIdle();
  const second = open("rollcall.db");
  const runners = () => holder.prepare("SELECT count(*) FROM runners").pluck().get();
  const own = Number(runners());
  await write(second, organizationId);
  expect(runners()).toBe(own + 1);
  holder.close();
  await second.close();
  expect(onlyIdle()).toBe(thread);
});

test("it is listened to by one store at most, however many have had it", async () => {
  const listeners = (thread: Worker) =>
    ["message", "error", "exit"].map((event) => thread.listenerCount(event));
  await open("rollcall.db").close();
  const thread = onlyIdle();
  const idle = listeners(thread);
  // The test's own bookkeeping may listen as well.
  const taken = open("rollcall.db");
  const busy = listeners(thread);
  await taken.close();
  for (let round = 0; round < 12; round += 1) {
    const store = open("rollcall.db");
    expect(listeners(thread)).toEqual(busy);
    await Promise.all([store.close(), store.close()]);
    expect(onlyIdle()).toBe(thread);
    expect(listeners(thread)).toEqual(idle);
  }
});

test("one that dies while it waits is given to no store", async () => {
  await open("rollcall.db").close();
  const thread = onlyIdle();
  await thread.terminate();
  expect(idleWriterThreads.size).toBe(0);
  const store = open("rollcall.db");
  await organizationOf(store);
  await store.close();
  expect(onlyIdle()).not.toBe(thread);
});

test("one that dies between two stores fails the store that took it, and no later one", async () => {
  await open("first.db").close();
  const thread = onlyIdle();
  const failures: unknown[] = [];
  const failed = open("second.db", { observer: { onFailed: (cause) => void failures.push(cause) } });
  const refused = domainError(organizationOf(failed));
  await thread.terminate();
  expect(await refused).toMatchObject({ kind: "unavailable", reason: "STORE_UNAVAILABLE" });
  expect(failures).toMatchObject([{ message: expect.stringContaining("the thread that writes has ended") }]);
  await failed.close();
  expect(idleWriterThreads.size).toBe(0);
  await organizationOf(open("third.db"));
});

/** Opens a store in a process of its own and closes it. @returns how many idle threads it had when it ended by itself */
function idleAtEnd(script: string): string {
  const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url));
  const program = `
    import { idleWriterThreads } from ${source("store/sqlite/engine/writer-threads.ts")};
    import { openSqliteStore } from ${source("store/sqlite/store.ts")};
    import { runnerCodecs } from ${source("rpc/messages/runner.ts")};
    process.on("exit", () => process.stdout.write(String(idleWriterThreads.size)));
    const store = openSqliteStore({
      file: ${JSON.stringify(join(dir, "rollcall.db"))},
      codecs: runnerCodecs,
      role: "server",
      writerScript: new URL(${script}),
    });
    await store.leases.countRestart([]).catch(() => {});
    await store.close();`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    // One that is kept alive would hold this process up too.
    timeout: 300_000,
  });
  return stdout + stderr;
}

test("one that waits keeps no process from ending", () => {
  expect(idleAtEnd(JSON.stringify(new URL("../../src/start/store-writer.ts", import.meta.url)))).toBe("1");
});

test.each(["a call", "the end"])(
  "one whose disk failed at %s waits for no other store, and keeps no process from ending",
  (at) => {
    const failure = { domain: null, message: "disk I/O error", code: "SQLITE_IOERR_FSYNC" };
    const said = { answers: [], writes: 0, seconds: 0, counts: {}, changedRunners: [] };
    const script = `
      import { parentPort } from "node:worker_threads";
      const answer = (more) => parentPort.postMessage({ ...${JSON.stringify(said)}, ...more });
      const syncFailure = ${JSON.stringify(failure)};
      parentPort.on("message", (message) => {
        if (message === "close") answer({ syncFailure });
        else if ("calls" in message) answer(${
          at === "a call"
            ? "{ syncFailure }"
            : '{ answers: message.calls.map(({ slot }) => ({ slot, kind: "done" })) }'
        });
      });`;
    expect(idleAtEnd(JSON.stringify(`data:text/javascript,${encodeURIComponent(script)}`))).toBe("0");
  },
);
