import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStore } from "../../src/start/open-store.ts";
import { WriterClient } from "../../src/store/sqlite/engine/writer-client.ts";

// Faults of a store's own methods: each fails its own write, and none that shares its commit.

let dir: string;
let file: string;
let writer: WriterClient;
const failures: unknown[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-odd-"));
  file = join(dir, "rollcall.db");
  // Makes the tables.
  await openStore(file, "server").close();
  failures.length = 0;
  writer = new WriterClient({
    script: new URL("./support/odd-writer.ts", import.meta.url),
    setup: { file, durable: true, settings: null },
    observer: { onFailed: (cause) => void failures.push(cause) },
    onRunnerChange: () => {},
    newestEvent: 0,
  });
});
afterEach(async () => {
  await writer.drain();
  await writer.end();
  rmSync(dir, { recursive: true });
});

const call = (method: string, id: string) => writer.call("odd", method, [id]);

function onFile(): unknown[] {
  const client = new Database(file, { readonly: true });
  try {
    return client.prepare("SELECT provider FROM longest_leases ORDER BY provider").pluck().all();
  } finally {
    client.close();
  }
}

test("a result that cannot be sent fails its own write, and says that it was made", async () => {
  const calls = [call("plain", "1"), call("unsendable", "2"), call("plain", "3")];
  const [before, unsendable, behind] = await Promise.allSettled(calls);
  expect([before?.status, behind?.status]).toEqual(["fulfilled", "fulfilled"]);
  expect(unsendable).toMatchObject({
    reason: { message: expect.stringMatching(/^the write was made, .*could not be cloned/) },
  });
  expect(onFile()).toEqual([1, 2, 3]);
  await call("plain", "4");
  expect([failures, writer.length]).toEqual([[], 0]);
});

test("a method that begins a second write is refused whole", async () => {
  const calls = [call("plain", "1"), call("twice", "2"), call("plain", "3")];
  const [before, twice, behind] = await Promise.allSettled(calls);
  expect([before?.status, behind?.status]).toEqual(["fulfilled", "fulfilled"]);
  expect(twice).toMatchObject({
    reason: { message: "a method of the store makes one write: commits.run was called twice" },
  });
  expect(onFile()).toEqual([1, 3]);
  expect(failures).toEqual([]);
});
