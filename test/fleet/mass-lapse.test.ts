import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ResourceOperation } from "../../src/domain/access/resources.ts";
import { defaultLeaseSettings } from "../../src/domain/leases/settings.ts";
import { Announcer } from "../../src/fleet/announcer.ts";
import { RunnerRegistry } from "../../src/fleet/fleet.ts";
import { openStore } from "../../src/start/open-store.ts";
import type { LeaseStore, Store } from "../../src/store/store.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { capturedLog } from "../support/log.ts";
import { exchangeTokenOf, foundingOf, register, runnerOf, someTime } from "../support/records.ts";

const runners = 40;
const eventsPerSecond = 5;
const settings = {
  ...defaultLeaseSettings,
  brake: { ...defaultLeaseSettings.brake, eventsPerSecond },
};
/** What may lapse before it is a mass lapse, and is told at once. */
const toldAtOnce = (runners * settings.brake.percent) / 100 + 1;

let dir: string;
let clock: TestClock;
let organizationId: string;
let open: Store[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-lapse-"));
  clock = testClock(someTime);
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((store) => store.close()));
  rmSync(dir, { recursive: true });
});

/** A server's registry on the data of a folder, with nothing that moves by itself. */
async function start(folder: string) {
  const file = join(dir, folder, "rollcall.db");
  const store = openStore(file, "server");
  open.push(store);
  const registry = new RunnerRegistry({ store, clock, settings, log: capturedLog().log });
  await registry.restore();
  return { store, registry };
}

/** A fleet that has renewed, and of which nobody is heard any more. */
async function silentFleet() {
  mkdirSync(join(dir, "first"));
  const { store, registry } = await start("first");
  const founding = foundingOf();
  await store.founding.found(founding);
  organizationId = founding.organization.id;
  for (let i = 0; i < runners; i += 1) {
    const runner = runnerOf(organizationId);
    await register(store.runners, runner, exchangeTokenOf());
    const renewal = { generation: 0, appliedSpecRevision: 1, phase: undefined, digest: undefined };
    await registry.renew({ id: runner.id, organizationId }, renewal);
  }
  const since = await store.events.newest();
  return { store, registry, since };
}

/** The runners whose status change is told after a place in the record, in order. */
async function told(store: Store, after: number): Promise<readonly string[]> {
  const events = await store.events.read(organizationId, after, 1000);
  return events
    .filter(({ operation }) => operation === ResourceOperation.UPDATE_STATUS)
    .map(({ resourceId }) => resourceId);
}

/** One second, as the server lives it. */
async function second(registry: RunnerRegistry): Promise<void> {
  clock.advance(1000);
  await registry.tick();
}

describe("a mass lapse", () => {
  test("is told at the pace of the brake, and every runner in the end", async () => {
    const { store, registry, since } = await silentFleet();
    let before = 0;
    let pace = 0;
    for (let i = 0; i < 120; i += 1) {
      await second(registry);
      const now = (await told(store, since)).length;
      if (before >= toldAtOnce) pace = Math.max(pace, now - before);
      before = now;
    }
    expect(new Set(await told(store, since)).size).toBe(runners);
    expect(pace).toBe(eventsPerSecond);
  });

  test("is told to the end after a crash in the middle, and nobody twice for it", async () => {
    const { store, registry, since } = await silentFleet();
    while ((await told(store, since)).length < toldAtOnce + 2 * eventsPerSecond) await second(registry);
    const seen = await told(store, since);
    const position = await store.events.newest();
    expect(new Set(seen).size).toBeLessThan(runners);
    // As SIGKILL leaves it: nothing is closed, nothing is written any more.
    cpSync(join(dir, "first"), join(dir, "second"), { recursive: true });
    const next = await start("second");
    let before = 0;
    for (let i = 0; i < 30; i += 1) {
      await second(next.registry);
      const now = (await told(next.store, position)).length;
      expect(now - before).toBeLessThanOrEqual(eventsPerSecond);
      before = now;
    }
    const rest = await told(next.store, position);
    expect(new Set([...seen, ...rest]).size).toBe(runners);
    expect(rest.filter((id) => seen.includes(id))).toEqual([]);
    expect(new Set(rest).size).toBe(rest.length);
    // A third start has nothing left to tell.
    const end = await next.store.events.newest();
    cpSync(join(dir, "second"), join(dir, "third"), { recursive: true });
    const last = await start("third");
    for (let i = 0; i < 5; i += 1) await second(last.registry);
    expect(await told(last.store, end)).toEqual([]);
  });
});

test("what could not be written is told later", async () => {
  const written: string[] = [];
  let broken = true;
  const leases = {
    async announce(changed: readonly { readonly id: string }[]) {
      if (broken) throw new Error("the disk is full");
      written.push(...changed.map(({ id }) => id));
    },
  } as unknown as LeaseStore;
  const announcer = new Announcer(leases, clock, settings);
  for (const id of ["a", "b", "c"]) announcer.offer(id, "organisation");
  await expect(announcer.announce()).rejects.toThrow("the disk is full");
  broken = false;
  clock.advance(1000);
  await announcer.announce();
  expect(written.toSorted()).toEqual(["a", "b", "c"]);
  await announcer.finish();
  expect(written).toHaveLength(3);
});
