import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defaultLeaseSettings } from "../../src/domain/leases/settings.ts";
import { RunnerPhase } from "../../src/domain/runners/enums.ts";
import { RunnerRegistry } from "../../src/fleet/fleet.ts";
import { openStore } from "../../src/start/open-store.ts";
import { testClock } from "../support/clock.ts";
import { capturedLog } from "../support/log.ts";
import { exchangeTokenOf, foundingOf, register, runnerOf, someTime } from "../support/records.ts";

const { maxUnheard } = defaultLeaseSettings.restart;
const clock = testClock(someTime);
const founding = foundingOf();
const organizationId = founding.organization.id;
const [silent, heard] = [runnerOf(organizationId), runnerOf(organizationId)];
const renewal = { appliedSpecRevision: 1, phase: undefined, digest: undefined };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-restart-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** One run of a server's registry on the same file; `work` is all that happens in it. */
async function run(work: (registry: RunnerRegistry) => Promise<void>, first = false) {
  const store = openStore(join(dir, "db"), "server");
  if (first) {
    await store.founding.found(founding);
    for (const runner of [silent, heard]) await register(store.runners, runner, exchangeTokenOf());
  }
  const registry = new RunnerRegistry({
    store,
    clock,
    settings: defaultLeaseSettings,
    log: capturedLog().log,
  });
  await registry.restore();
  await work(registry);
  const phases = await Promise.all(
    [silent, heard].map(async ({ id }) => {
      const runner = await store.runners.get(organizationId, id);
      return runner && (await registry.observe(runner)).phase;
    }),
  );
  await store.close();
  return phases;
}

test("starts are counted against a lease until it is heard; who missed too many is not carried over", async () => {
  await run(async (registry) => {
    for (const { id } of [silent, heard])
      await registry.renew({ id, organizationId }, { ...renewal, generation: 0 });
  }, true);
  const restart = (count: boolean) => {
    clock.advance(20_000);
    return run(async (registry) => {
      clock.advance(1);
      // Heard before its turn to be counted came.
      await registry.renew({ id: heard.id, organizationId }, { ...renewal, generation: 1 });
      if (count) await registry.carryOver.countRestart();
      await registry.tick();
    });
  };
  for (let starts = 0; starts < maxUnheard; starts += 1) {
    expect(await restart(true)).toEqual([RunnerPhase.ACTIVE, RunnerPhase.ACTIVE]);
  }
  expect(await restart(false)).toEqual([RunnerPhase.INACTIVE, RunnerPhase.ACTIVE]);
});
