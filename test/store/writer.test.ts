import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noQuotas } from "../../src/domain/limits/quotas.ts";
import { RunnerKind } from "../../src/domain/runners/enums.ts";
import { runnerCodecs } from "../../src/rpc/messages/runner.ts";
import { openStore } from "../../src/start/open-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import type { Store } from "../../src/store/store.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { exchangeTokenOf, foundingOf, newId, register, runnerOf } from "../support/records.ts";
import { domainError } from "./contract/setting.ts";

// What the main thread and the thread that writes owe one another.

let dir: string;
let file: string;
let clock: TestClock;
let store: Store;
let organizationId: string;
const batches: number[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-writer-"));
  file = join(dir, "rollcall.db");
  clock = testClock();
  batches.length = 0;
  store = open();
  const founding = foundingOf();
  organizationId = founding.organization.id;
  await store.founding.found(founding);
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true });
});

const open = () =>
  openStore(file, "server", {
    clock,
    quotas: noQuotas,
    observer: { onBatch: (writes) => void batches.push(writes) },
  });

const write = () => {
  const runner = runnerOf(organizationId);
  return { id: runner.id, made: register(store.runners, runner, exchangeTokenOf()) };
};

/** The runners that the file holds, seen by another connection. */
function onFile(): string[] {
  const client = new Database(file, { readonly: true });
  try {
    const made = client.prepare<[number], string>("SELECT id FROM runners WHERE kind <> ?").pluck();
    return made.all(RunnerKind.LOCAL_CONFIGURATION);
  } finally {
    client.close();
  }
}

/** Has another program hold the database until it is let go of. */
function hold(): { release(): void } {
  const other = new Database(file);
  other.exec("BEGIN IMMEDIATE");
  return {
    release() {
      if (other.inTransaction) other.exec("ROLLBACK");
      other.close();
    },
  };
}

test("what arrives together shares a commit, and what was sent while one is under way the next", async () => {
  batches.length = 0;
  const holder = hold();
  const first = write();
  // The thread has taken no more than this from its messages when it begins to wait.
  await new Promise((resolve) => setImmediate(resolve));
  const more = Array.from({ length: 50 }, write);
  holder.release();
  await Promise.all([first.made, ...more.map(({ made }) => made)]);
  expect(batches.length).toBeLessThanOrEqual(2);
  expect(batches.reduce((sum, writes) => sum + writes, 0)).toBe(51);
});

test("a write resolves once another connection sees it, and the main thread sees nothing before", async () => {
  const { id, made } = write();
  expect(await store.runners.get(organizationId, id)).toBeNull();
  await made;
  expect(onFile()).toContain(id);
  expect(await store.runners.get(organizationId, id)).toMatchObject({ id });
});

test("no event is given out before the main thread was told of its commit, although the file shows it", async () => {
  const given = await store.events.newest();
  const { id, made } = write();
  // The call has been sent then, and no answer is heard before the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!onFile().includes(id)) Atomics.wait(pause, 0, 0, 1);
  const shown = await store.events.newest();
  expect(shown).toBe(given);
  await made;
  const newest = await store.events.newest();
  expect(newest).toBeGreaterThan(given);
  expect(store.events.changes().events).toBe(newest);
  const reader = openStore(file, "reader");
  expect(await reader.events.newest()).toBe(newest);
  await reader.close();
  await store.close();
  store = open();
  expect(await store.events.newest()).toBe(newest);
});

test("a write waits for the thread to begin for as long as that takes: it says nothing of the disk", async () => {
  await store.close();
  store = open();
  const { id, made } = write();
  clock.advance(60_000);
  await made;
  expect(onFile()).toContain(id);
});

describe("a write that has lost patience", () => {
  test("is refused after 5 s, was not made, and never is; one that came later waits on", async () => {
    const holder = hold();
    const early = write();
    const refused = domainError(early.made);
    clock.advance(3000);
    const late = write();
    clock.advance(2000);
    expect(await refused).toMatchObject({
      kind: "unavailable",
      reason: "STORE_UNAVAILABLE",
      retryAfterMs: 1000,
    });
    holder.release();
    await late.made;
    expect(onFile()).toEqual([late.id]);
    // Every place is free again.
    expect((await store.vitals()).waiting).toBe(0);
  });

  test("is never both refused and made, whichever thread is first", async () => {
    let [made, refused] = [0, 0];
    for (let round = 0; round < 30; round += 1) {
      const holder = hold();
      const writes = Array.from({ length: 40 }, write);
      const outcomes = Promise.allSettled(writes.map((one) => one.made));
      // The thread looks at the lock again every few milliseconds, the main thread at the time.
      clock.advance(5000);
      for (let turns = 0; turns < round * 4; turns += 1)
        await new Promise((resolve) => setImmediate(resolve));
      holder.release();
      const settled = await outcomes;
      const kept = new Set(onFile());
      for (const [index, { status }] of settled.entries()) {
        const { id } = writes[index] as { id: string };
        expect([id, kept.has(id)]).toEqual([id, status === "fulfilled"]);
        if (status === "fulfilled") made += 1;
        else refused += 1;
      }
    }
    expect(made + refused).toBe(1200);
  });
});

test("an error keeps its kind, reason, patience and fields across the threads", async () => {
  const manager = { id: newId(), organizationId: newId(), name: "m", createdAt: 0 };
  const error = await domainError(
    register(store.runners, runnerOf(organizationId, { managerId: manager.id }), exchangeTokenOf()),
  );
  expect(error).toMatchObject({
    name: "DomainError",
    kind: "not_found",
    reason: "RUNNER_MANAGER_NOT_FOUND",
    message: "runner manager not found",
    violations: [],
  });
  const runner = runnerOf(organizationId);
  await register(store.runners, runner, exchangeTokenOf());
  // No rule of the domain: an id twice.
  await expect(register(store.runners, runner, exchangeTokenOf())).rejects.toMatchObject({
    code: expect.stringContaining("SQLITE_CONSTRAINT"),
    stack: expect.stringContaining("runners.ts"),
  });
});

test("a call that cannot be sent is rejected, and those of the same turn are made", async () => {
  const before = write();
  const unsendable = register(
    store.runners,
    { ...runnerOf(organizationId), name: (() => "") as unknown as string },
    exchangeTokenOf(),
  );
  const behind = write();
  await expect(unsendable).rejects.toThrow("could not be cloned");
  await Promise.all([before.made, behind.made]);
  expect(onFile().sort()).toEqual([before.id, behind.id].sort());
});

test("writes that wait are bounded by what they hold, in text and in bytes, and what they held is free again", async () => {
  const mebibyte = 1024 * 1024;
  const name = "n".repeat(8 * mebibyte);
  // A part of a large buffer crosses with all of it.
  const publicKey = Buffer.alloc(16 * mebibyte).subarray(0, 32);
  const report = { ...runnerOf(organizationId).report, publicKey };
  const large = (n: number) =>
    register(
      store.runners,
      n % 2 === 0 ? runnerOf(organizationId, { name }) : runnerOf(organizationId, {}, { report }),
      exchangeTokenOf(),
    );
  // 16 MiB each. None has an answer before all are asked for.
  const accepted = Array.from({ length: 15 }, (_, n) => large(n));
  const refused = [large(0), large(1)].map(domainError);
  const small = write();
  for (const refusal of await Promise.all(refused)) {
    expect(refusal).toMatchObject({
      kind: "unavailable",
      reason: "STORE_UNAVAILABLE",
      message: expect.stringContaining("too many changes wait"),
    });
  }
  await Promise.all([...accepted, small.made]);
  await Promise.all(Array.from({ length: 15 }, (_, n) => large(n)));
});

test("closing waits for what was accepted, brings it into the file, and takes nothing more", async () => {
  const holder = hold();
  const accepted = Array.from({ length: 600 }, write);
  const closed = store.close();
  expect(await domainError(write().made)).toMatchObject({
    kind: "unavailable",
    message: "the store is closed",
  });
  holder.release();
  await closed;
  await Promise.all(accepted.map(({ made }) => made));
  expect(onFile().sort()).toEqual(accepted.map(({ id }) => id).sort());
});

test("closing ends although another program goes on holding the database, and says that nothing was changed", async () => {
  const holder = hold();
  const waiting = Array.from({ length: 3 }, write);
  const refusals = waiting.map(({ made }) => domainError(made));
  const closed = store.close();
  clock.advance(5000);
  for (const refusal of await Promise.all(refusals)) expect(refusal.message).toContain("nothing was changed");
  await closed;
  holder.release();
  expect(onFile()).toEqual([]);
});

test("a thread that dies is told once, and everything that waits or comes later is refused", async () => {
  const failures: unknown[] = [];
  const broken = openSqliteStore({
    file: join(dir, "other.db"),
    codecs: runnerCodecs,
    role: "server",
    writerScript: new URL("data:text/javascript,throw new Error('out of luck')"),
    observer: { onFailed: (cause) => void failures.push(cause) },
  });
  const refused = domainError(broken.founding.found(foundingOf()));
  expect(await refused).toMatchObject({ kind: "unavailable", reason: "STORE_UNAVAILABLE" });
  expect(await domainError(broken.founding.found(foundingOf()))).toMatchObject({ kind: "unavailable" });
  expect(failures).toMatchObject([{ message: "the thread that writes has ended: out of luck" }]);
  expect(await broken.healthy()).toBe(false);
  expect(await broken.founding.first()).toBeNull();
  await broken.close();
});

test.each(["closed", "left open"])(
  "in memory nothing stays of a store that was %s when the process ended",
  (end) => {
    const script = `
    import { readdirSync } from "node:fs";
    import { openStore } from ${JSON.stringify(new URL("../../src/start/open-store.ts", import.meta.url))};
    const store = openStore(":memory:", "server");
    await store.leases.countRestart([]);
    process.stdout.write(String(readdirSync(process.env.TMPDIR).filter((name) => name.startsWith("rollcall")).length));
    if (${end === "closed"}) await store.close();`;
    const folder = join(dir, end);
    mkdirSync(folder);
    const ran = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      env: { ...process.env, TMPDIR: folder },
    });
    expect([ran.status, ran.stdout, ran.stderr]).toEqual([0, "1", ""]);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test("stores in memory listen once for the end of the process, however many there are", async () => {
  const listeners = () => process.listenerCount("exit");
  const before = listeners();
  const stores = Array.from({ length: 3 }, () => openStore(":memory:", "server"));
  expect(listeners()).toBe(before + 1);
  await Promise.all(stores.map((one) => one.close()));
  expect(listeners()).toBe(before);
});
