import { afterEach, beforeEach, expect, test } from "vitest";
import { EventFeed } from "../../src/events/feed.ts";
import { openStore } from "../../src/start/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { creating, exchangeTokenOf, foundingOf, runnerOf, someTime } from "../support/records.ts";

let store: Store;
let organizationId: string;
let feed: EventFeed;
/** Where the table ended when the feed began. */
let start: number;
beforeEach(async () => {
  store = openStore(":memory:", "server");
  const founding = foundingOf();
  await store.founding.found(founding);
  organizationId = founding.organization.id;
  start = await store.events.newest();
  feed = new EventFeed(store.events, organizationId, start);
});
afterEach(() => store.close());

/** Makes so many runners, each of which is one event; resolves to their ids. */
async function happen(count: number): Promise<string[]> {
  const runners = Array.from({ length: count }, () => runnerOf(organizationId));
  for (const runner of runners) await store.runners.create(creating(runner), runner, exchangeTokenOf());
  return runners.map(({ id }) => id);
}

const remove = (count: number) => store.events.removeBefore(someTime + 1, count);
const look = async () => feed.advance(await store.events.newest());
const idsAfter = async (position: number) =>
  (await feed.after(position)).events.map(({ resourceId }) => resourceId);
const lost = { kind: "aborted", reason: "EVENTS_LOST" };

test.each([
  ["all", 10],
  ["some", 4],
])("what was written and, %s of it, removed between two looks is lost, not nothing", async (_, removed) => {
  const ids = await happen(10);
  await remove(start + removed);
  await look();
  expect(feed.head).toBe(start + 10);
  await expect(feed.after(start)).rejects.toMatchObject(lost);
  await expect(feed.after(start + removed - 1)).rejects.toMatchObject(lost);
  expect(await idsAfter(start + removed)).toEqual(ids.slice(removed));
});

test("a watch that began behind the gap goes on, and hears what comes next", async () => {
  await happen(10);
  await remove(start + 10);
  const position = await store.events.newest();
  await look();
  const next = await happen(3);
  await look();
  expect(await feed.after(position)).toMatchObject({ through: start + 13 });
  expect(await idsAfter(position)).toEqual(next);
  await expect(feed.after(start)).rejects.toMatchObject(lost);
});

test("what was given out before it was removed is still given from memory", async () => {
  const ids = await happen(10);
  await look();
  await remove(start + 10);
  await look();
  expect(await idsAfter(start)).toEqual(ids);
});
