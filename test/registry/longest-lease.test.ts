import { afterEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { parseConfig } from "../../src/config.ts";
import { databaseFile } from "../../src/data-dir.ts";
import { defaultLeaseSettings } from "../../src/domain/leases/settings.ts";
import { RunnerPhase } from "../../src/domain/runners/enums.ts";
import { RunnerRegistry } from "../../src/registry/registry.ts";

import { runnerCodecs } from "../../src/rpc/messages/runner.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { testClock } from "../support/clock.ts";
import { eventually } from "../support/eventually.ts";
import { capturedLog } from "../support/log.ts";
import { newId, someTime } from "../support/records.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { live, pass, statusOf } from "./fixture.ts";

const every = (seconds: number) => ({
  leases: parseConfig({ "renew-interval": String(seconds), "renew-grace": "15" }).leases,
});

let server: TestServer;
afterEach(async () => {
  await server.close();
});

const onDisk = () => {
  const database = new Database(databaseFile(server.config.dataDir), { readonly: true });
  try {
    return database.prepare("SELECT lease_ms FROM longest_leases WHERE provider = 1").pluck().get();
  } finally {
    database.close();
  }
};

test("a runner that was told to be silent for long may be, although the server restarts with a shorter interval", async () => {
  server = await startTestServer({ config: every(120) });
  const agent = await live(server);
  await server.restart(every(30));
  // As long as it was told, and the margin of a restart.
  await pass(server, 149_000, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.ACTIVE);
  await pass(server, 1_000, agent.id);
  expect((await statusOf(server, agent.id)).phase).toBe(RunnerPhase.INACTIVE);
});

test("how long leases may be is on disk while the interval is stretched, and for as long as a lease of that length runs", async () => {
  const { leases } = every(30);
  // Every event loop is too slow for this one.
  const stretch = { ...leases.stretch, loopDelayMs: 0.001 };
  server = await startTestServer({ config: { leases: { ...leases, stretch } } });
  const agent = await live(server);
  await eventually(async () => {
    await pass(server, 1_000, agent.id);
    expect(onDisk()).toBe(4 * 30_000 + 15_000);
  });
  await server.restart({ leases });
  await pass(server, 100_000, agent.id);
  expect(onDisk()).toBe(4 * 30_000 + 15_000);
  await eventually(async () => {
    await pass(server, 10_000, agent.id);
    expect(onDisk()).toBe(45_000);
  });
});

test("what the disk refuses is asked of it again", async () => {
  server = await startTestServer();
  const store = openSqliteStore({ file: ":memory:", codecs: runnerCodecs, newId, role: "server" });
  let refuses = true;
  const registry = new RunnerRegistry({
    store: {
      ...store,
      leases: {
        ...store.leases,
        saveLongestLeases: (longest) =>
          refuses ? Promise.reject(new Error("the disk is full")) : store.leases.saveLongestLeases(longest),
      },
    },
    clock: testClock(someTime),
    settings: defaultLeaseSettings,
    log: capturedLog().log,
  });
  await registry.restore();
  await expect(registry.carryOver.saveLongest()).rejects.toThrow("the disk is full");
  expect(await store.leases.longestLeases()).toEqual([]);
  refuses = false;
  await registry.carryOver.saveLongest();
  expect((await store.leases.longestLeases()).map(({ leaseMs }) => leaseMs)).toContain(45_000);
  await store.close();
});
