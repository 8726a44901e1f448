import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AuthorizedResource } from "../../src/domain/access/grants.ts";
import { ResourceType } from "../../src/domain/access/resources.ts";
import { ResourceRole } from "../../src/domain/access/roles.ts";
import { draftEnvironmentClass } from "../../src/domain/environment-classes/environment-class.ts";
import type { Runner } from "../../src/domain/runners/runner.ts";
import { openStore } from "../../src/start/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import {
  allowed,
  byUser,
  creating,
  exchangeTokenOf,
  foundingOf,
  newId,
  runnerOf,
  someTime,
} from "../support/records.ts";

let store: Store;
beforeEach(() => {
  store = openStore(":memory:", "server");
});
afterEach(() => store.close());

/** Runners of one organisation by index, one of each two shared with a group, and classes on them. */
async function filled() {
  const founding = foundingOf();
  await store.founding.found(founding);
  const { id: organizationId } = founding.organization;
  const by = byUser(founding.admin.id, organizationId);
  const groupId = newId();
  const runners: Runner[] = [];
  await store.groups.create({ by } as Parameters<Store["groups"]["create"]>[0], {
    id: groupId,
    name: "group",
    description: "",
    createdAt: someTime,
  });
  for (let at = 0; at < 4; at++) {
    const runner = runnerOf(organizationId);
    await store.runners.create(creating(runner), runner, exchangeTokenOf());
    runners.push(runner);
    if (at % 2 === 1) continue;
    const on = { resourceType: ResourceType.RUNNER, resourceId: runner.id, organizationId, by };
    await store.roles.assign(
      on as unknown as AuthorizedResource,
      { id: newId(), groupId, role: ResourceRole.RUNNER_USER },
      someTime,
    );
  }
  const classes: { id: string; runnerId: string; enabled: boolean }[] = [];
  for (let at = 0; at < 24; at++) {
    const runner = runners[(at * 7) % runners.length] as Runner;
    const sized = { displayName: "Large", description: "Large", configuration: [] };
    const made = draftEnvironmentClass(runner, sized, { id: newId(), now: someTime });
    await store.environmentClasses.create(allowed(runner), made);
    if (at % 3 === 0)
      await store.environmentClasses.update(allowed(runner), made.id, { enabled: false }, someTime);
    classes.unshift({ id: made.id, runnerId: runner.id, enabled: at % 3 !== 0 });
  }
  return { organizationId, groupId, runners, classes };
}

test("pages of any size have every class that is seen and wanted once, newest first", async () => {
  const { organizationId, groupId, runners, classes } = await filled();
  const shared = new Set(runners.filter((_, at) => at % 2 === 0).map(({ id }) => id));
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        limit: fc.integer({ min: 1, max: 30 }),
        named: fc.subarray(runners.map(({ id }) => id)),
        enabled: fc.constantFrom(null, true, false),
        viewer: fc.constantFrom("all", "group", "creator", "itself", "stranger"),
      }),
      async ({ limit, named, enabled, viewer }) => {
        const [own] = runners as [Runner];
        const groupIds = viewer === "group" ? [groupId, newId()] : [];
        const creatorId = viewer === "creator" ? own.creator.id : newId();
        const scope = {
          organizationId,
          onlyId: viewer === "itself" ? own.id : null,
          visibleTo: viewer === "all" || viewer === "itself" ? null : { creatorId, groupIds },
        };
        const sees = (runnerId: string) => {
          if (viewer === "all") return true;
          if (viewer === "group") return shared.has(runnerId);
          return viewer !== "stranger" && runnerId === own.id;
        };
        const wanted = classes.filter(
          (one) =>
            sees(one.runnerId) &&
            (named.length === 0 || named.includes(one.runnerId)) &&
            (enabled === null || one.enabled === enabled),
        );
        const filter = { runnerIds: named, enabled, kinds: [], providers: [] };
        const got: string[] = [];
        for (let after: string | null = null, more = true; more; ) {
          const page = await store.environmentClasses.list(scope, filter, { limit, after });
          expect(page.rows.length).toBeLessThanOrEqual(limit);
          got.push(...page.rows.map(({ id }) => id));
          after = page.rows.at(-1)?.id ?? null;
          more = page.more;
        }
        expect(got).toEqual(wanted.map(({ id }) => id));
      },
    ),
  );
});
