import { expect, test } from "vitest";
import { creating, exchangeTokenOf, runnerOf, someTime } from "../../support/records.ts";
import { domainError, type OpenStore, type Setting, setting } from "./setting.ts";

export function eventContract(open: OpenStore): void {
  /** Makes so many runners, each of which is one event; resolves to their ids. */
  async function happen({ store, org }: Setting, count: number): Promise<string[]> {
    const runners = Array.from({ length: count }, () => runnerOf(org));
    for (const runner of runners) await store.runners.create(creating(runner), runner, exchangeTokenOf());
    return runners.map(({ id }) => id);
  }
  const idsAfter = async ({ store, org }: Setting, after: number) =>
    (await store.events.read(org, after, 100)).map(({ resourceId }) => resourceId);
  const lost = { kind: "aborted", reason: "EVENTS_LOST" };

  test("are read from where a reader is, as long as all that happened since is kept", async () => {
    await using at = await setting(open);
    const { events } = at.store;
    const start = await events.newest();
    const ids = await happen(at, 4);
    expect(await idsAfter(at, start + 1)).toEqual(ids.slice(1));
    // All from before the test, and two of it.
    await events.removeBefore(someTime + 1, start + 2);
    expect(await idsAfter(at, start + 2)).toEqual(ids.slice(2));
    expect(await domainError(idsAfter(at, start + 1))).toMatchObject(lost);
  });

  test("are not taken to be none when all of them were removed", async () => {
    await using at = await setting(open);
    const { events } = at.store;
    await happen(at, 3);
    const end = await events.newest();
    await events.removeBefore(someTime + 1, 100);
    expect(await domainError(idsAfter(at, end - 1))).toMatchObject(lost);
    expect(await events.newest()).toBe(end);
    expect(await idsAfter(at, end)).toEqual([]);
    const next = await happen(at, 1);
    expect(await idsAfter(at, end)).toEqual(next);
  });

  test("are not taken to be none by a reader who has seen more than there ever was: the store was put back", async () => {
    await using at = await setting(open);
    await happen(at, 1);
    const end = await at.store.events.newest();
    expect(await domainError(idsAfter(at, end + 1))).toMatchObject(lost);
  });
}
