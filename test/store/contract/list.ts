import fc from "fast-check";
import { expect, test } from "vitest";
import { Principal } from "../../../src/domain/access/principal.ts";
import { RunnerKind, RunnerProvider } from "../../../src/domain/runners/enums.ts";
import type { Runner } from "../../../src/domain/runners/runner.ts";
import type { RunnerFilter, RunnerStore } from "../../../src/store/store.ts";
import { allowed, creating, exchangeTokenOf, newId, runnerOf, someTime } from "../../support/records.ts";
import { type OpenStore, type Setting, setting, settingIn } from "./setting.ts";

const everything: RunnerFilter = { creatorIds: [], kinds: [], providers: [] };
const creators = [newId(), newId(), newId()];
const providers = [RunnerProvider.AWS_EC2, RunnerProvider.GCP, RunnerProvider.LINUX_HOST];

/** One thing that happens between two pages. */
type Event = { add: number } | { remove: number };

export function listContract(open: OpenStore): void {
  const anyOf = <T>(values: readonly T[]) => fc.array(fc.constantFrom(...values), { maxLength: 4 });
  const anyFilter = fc.record({
    creatorIds: anyOf([...creators, newId()]),
    kinds: anyOf([RunnerKind.LOCAL, RunnerKind.REMOTE]),
    providers: anyOf([...providers, RunnerProvider.DESKTOP_MAC]),
  });
  const anyEvent: fc.Arbitrary<Event> = fc.oneof(
    fc.record({ add: fc.nat(8) }),
    fc.record({ remove: fc.nat(100) }),
  );

  test("paging sees every runner that stays exactly once, whatever comes and goes meanwhile", async () => {
    const scenario = fc.record({
      start: fc.array(fc.nat(8), { maxLength: 25 }),
      filter: fc.oneof(fc.constant(everything), anyFilter),
      limit: fc.integer({ min: 1, max: 7 }),
      events: fc.array(fc.array(anyEvent, { maxLength: 3 }), { maxLength: 12 }),
    });
    await using opened = await open();
    await fc.assert(
      fc.asyncProperty(scenario, async ({ start, filter, limit, events }) => {
        const at = await settingIn(opened);
        const present = new Map<string, Runner>();
        for (const variety of start) await add(at, present, variety);
        const stays = new Set([...present.keys()]);
        const seen: string[] = [];
        let after: string | null = null;
        for (let page = 0, more = true; more; page++) {
          const answer = await listPage(at.store.runners, at.org, filter, limit, after);
          if (after !== null) expect(answer.ids.length).toBeGreaterThan(0);
          expect(answer.ids.length).toBeLessThanOrEqual(limit);
          seen.push(...answer.ids);
          after = answer.ids.at(-1) ?? null;
          more = answer.more;
          // Only what lies ahead may vanish between two pages without making the next one empty.
          for (const event of events[page] ?? [])
            await happen(at, present, stays, event, more ? after : null);
        }
        expect(seen).toEqual([...seen].sort().reverse());
        expect(new Set(seen).size).toBe(seen.length);
        const expected = [...stays].filter((id) => matches(present.get(id), filter));
        expect(seen).toEqual(expect.arrayContaining(expected));
        for (const id of seen) expect(matches(present.get(id) ?? removed.get(id), filter)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test("a list without a filter leaves out the server's own runner; asking for its kind shows it", async () => {
    await using at = await setting(open);
    const runner = runnerOf(at.org);
    await at.store.runners.create(creating(runner), runner, exchangeTokenOf());
    const ids = async (filter: RunnerFilter) =>
      (await listPage(at.store.runners, at.org, filter, 100, null)).ids;
    expect(await ids(everything)).toEqual([runner.id]);
    const own = await ids({ ...everything, kinds: [RunnerKind.LOCAL_CONFIGURATION] });
    expect(own).toHaveLength(1);
    expect(own).not.toContain(runner.id);
  });

  test("a scope of one runner shows that one alone, and nothing of another organisation", async () => {
    await using at = await setting(open);
    const { runners } = at.store;
    const [one, two] = [runnerOf(at.org), runnerOf(at.org)];
    await runners.create(creating(one), one, exchangeTokenOf());
    await runners.create(creating(two), two, exchangeTokenOf());
    const scoped = (organizationId: string, onlyId: string | null) =>
      runners.list({ organizationId, onlyId, visibleTo: null }, everything, { limit: 10, after: null });
    expect(await scoped(at.org, one.id)).toMatchObject({ rows: [one], more: false });
    expect(await scoped(at.otherOrg, one.id)).toEqual({ rows: [], more: false });
    expect(await scoped(at.otherOrg, null)).toEqual({ rows: [], more: false });
    expect((await scoped(at.org, null)).rows).toMatchObject([two, one]);
  });
}

const removed = new Map<string, Runner>();

async function happen(
  at: Setting,
  present: Map<string, Runner>,
  stays: Set<string>,
  event: Event,
  position: string | null,
): Promise<void> {
  if ("add" in event) return add(at, present, event.add);
  const behind = [...present.values()].filter(({ id }) => position === null || id >= position);
  const runner = behind[event.remove % Math.max(behind.length, 1)];
  if (runner === undefined) return;
  await at.store.runners.remove(allowed(runner), someTime);
  removed.set(runner.id, runner);
  present.delete(runner.id);
  stays.delete(runner.id);
}

async function add(at: Setting, present: Map<string, Runner>, variety: number): Promise<void> {
  const provider = providers[variety % 3] ?? RunnerProvider.GCP;
  const creator = { id: creators[Math.floor(variety / 3)] ?? newId(), principal: Principal.USER };
  const runner = runnerOf(at.org, { provider }, { creator });
  await at.store.runners.create(creating(runner), runner, exchangeTokenOf());
  present.set(runner.id, runner);
}

async function listPage(
  runners: RunnerStore,
  organizationId: string,
  filter: RunnerFilter,
  limit: number,
  after: string | null,
) {
  const { rows, more } = await runners.list({ organizationId, onlyId: null, visibleTo: null }, filter, {
    limit,
    after,
  });
  return { ids: rows.map(({ id }) => id), more };
}

function matches(runner: Runner | undefined, { creatorIds, kinds, providers }: RunnerFilter): boolean {
  const among = <T>(values: readonly T[], value: T) => values.length === 0 || values.includes(value);
  return (
    runner !== undefined &&
    among(creatorIds, runner.creator.id) &&
    among(kinds, runner.kind) &&
    among(providers, runner.provider)
  );
}
