import { afterEach, beforeEach, expect, test } from "vitest";
import { Principal } from "../../src/domain/access/principal.ts";
import { ResourceOperation, ResourceType } from "../../src/domain/access/resources.ts";
import type { EventRecord } from "../../src/domain/events/event.ts";
import type { Viewer } from "../../src/domain/events/viewer.ts";
import { EventHub } from "../../src/events/hub.ts";
import type { Watch } from "../../src/events/watch.ts";
import type { EventStore } from "../../src/store/event-store.ts";
import type { TokenStore } from "../../src/store/store.ts";
import { type TestClock, testClock } from "../support/clock.ts";
import { until } from "../support/eventually.ts";
import { capturedLog } from "../support/log.ts";

const viewer: Viewer = {
  id: "somebody",
  principal: Principal.USER,
  organizationId: "organisation",
  admin: true,
  member: true,
  runnersAdmin: true,
  groupsAdmin: true,
  auditReader: true,
  groupIds: [],
};

/** A table of events and of tokens in memory, which counts what is asked of it. */
class CountingStore {
  readonly rows: EventRecord[] = [];
  readonly asked = { read: 0, viewer: 0, token: 0 };
  #access = 0;
  #listener = () => {};

  readonly events = {
    newest: async () => this.rows.length,
    read: async (_organization, after, limit) => {
      this.asked.read += 1;
      return this.rows.slice(after, after + limit);
    },
    removeBefore: async () => 0,
    changes: () => ({ events: this.rows.length, access: this.#access }),
    onCommit: (listener) => {
      this.#listener = listener;
      return () => {};
    },
    viewer: async () => {
      this.asked.viewer += 1;
      return viewer;
    },
  } satisfies EventStore;

  readonly tokens = {
    revocationMark: () => "",
    findAccessToken: async () => {
      this.asked.token += 1;
      return { revokedFor: null, expiresAt: null, holder: { kind: "runner" } };
    },
  } as unknown as TokenStore;

  /** One commit with so many events. */
  commit(count: number, change: { access?: boolean } = {}): void {
    for (let i = 0; i < count; i += 1) {
      this.rows.push({
        sequence: this.rows.length + 1,
        operation: ResourceOperation.UPDATE,
        resourceType: ResourceType.RUNNER,
        resourceId: `runner ${this.rows.length}`,
        creatorId: "",
        audience: [],
      });
    }
    if (change.access) this.#access += 1;
    this.#listener();
  }

  forget(): void {
    Object.assign(this.asked, { read: 0, viewer: 0, token: 0 });
  }
}

let store: CountingStore;
let clock: TestClock;
let hub: EventHub;
beforeEach(async () => {
  store = new CountingStore();
  clock = testClock();
  const { events, tokens } = store;
  hub = new EventHub({ events, tokens, clock, log: capturedLog().log, cursorLifeMs: 1e9 });
  await hub.run();
});
afterEach(() => hub.stop());

/** Opens so many watches with so many tokens; each counts what it hears. */
async function open(watches: number, tokens: number) {
  const heard: number[] = Array.from({ length: watches }, () => 0);
  const all: Watch[] = [];
  for (let i = 0; i < watches; i += 1) {
    const tokenHash = Buffer.from(`token ${i % tokens}`);
    const position = await store.events.newest();
    const watch = await hub.watch({ viewer, tokenHash, selects: () => true, resumable: false, position });
    all.push(watch);
    void (async () => {
      for await (const event of watch.events(new AbortController().signal)) {
        if (event.sequence > position) heard[i] = (heard[i] ?? 0) + 1;
      }
    })().catch(() => undefined);
  }
  store.forget();
  return { heard, all };
}

test.each([100, 1000])("an event is read once, however many watch: %d", async (watches) => {
  const { heard } = await open(watches, 10);
  store.commit(1);
  await until("all are told", () => heard.every((count) => count === 1));
  expect(store.asked).toEqual({ read: 1, viewer: 0, token: 0 });
});

test("a burst is read once in portions, and told whole to everybody", async () => {
  const { heard } = await open(100, 10);
  store.commit(1000);
  await until("all are told", () => heard.every((count) => count === 1000));
  expect(store.asked.read).toBe(1);
});

test("a change of rights is looked up once for each token, and a burst of such changes is one", async () => {
  const { heard } = await open(500, 10);
  for (let i = 0; i < 50; i += 1) store.commit(1, { access: true });
  await until("all are told", () => heard.every((count) => count === 50));
  expect(store.asked).toMatchObject({ viewer: 10, token: 10 });
});

test("closes every stream when it stops, and forgets those that left", async () => {
  const { all } = await open(3, 1);
  expect(hub.size).toBe(3);
  for (const watch of all) hub.remove(watch);
  expect(hub.size).toBe(0);
  const late = await open(1, 1);
  const events = late.all[0]?.events(new AbortController().signal);
  await hub.stop();
  await expect(events?.next()).rejects.toMatchObject({ kind: "unavailable" });
});
