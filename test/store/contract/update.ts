import fc from "fast-check";
import { expect, test } from "vitest";
import { RunnerPhase } from "../../../src/domain/runners/enums.ts";
import type { MetricsChange, RunnerChange } from "../../../src/domain/runners/update.ts";
import { allowed, creating, exchangeTokenOf, runnerOf, someTime } from "../../support/records.ts";
import { type OpenStore, setting, settingIn } from "./setting.ts";

/** What clients see of a runner, kept by hand: a flat table of fields, changed one by one. */
type Model = Record<string, unknown>;

export function updateContract(open: OpenStore): void {
  const optional = { requiredKeys: [] };
  const text = fc.constantFrom("", "a", "bb");
  const hours = fc.record({ startHour: fc.nat(23), endHour: fc.nat(23) }, optional);
  const metrics: fc.Arbitrary<MetricsChange> = fc.record(
    {
      enabled: fc.boolean(),
      url: text,
      username: text,
      password: fc.constantFrom(null, Buffer.from("pw")),
      managedMetricsEnabled: fc.boolean(),
      includeVerboseMetrics: fc.boolean(),
    },
    optional,
  );
  const configuration = fc.record(
    {
      releaseChannel: fc.nat(2),
      autoUpdate: fc.boolean(),
      metrics,
      logLevel: fc.nat(4),
      devcontainerImageCacheEnabled: fc.boolean(),
      updateWindow: hours,
      continuousProfiling: fc.boolean(),
    },
    optional,
  );
  const change: fc.Arbitrary<RunnerChange> = fc.record(
    {
      name: fc.constantFrom("one", "two"),
      desiredPhase: fc.constantFrom(RunnerPhase.ACTIVE, RunnerPhase.INACTIVE),
      configuration,
    },
    optional,
  );

  test("presence decides at every level: what was not sent stays, what was sent is what comes back", async () => {
    await using opened = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
        const at = await settingIn(opened);
        const runner = runnerOf(at.org, { name: "start" });
        await at.store.runners.create(creating(runner), runner, exchangeTokenOf());
        const model: Model = { name: "start", desiredPhase: RunnerPhase.ACTIVE };
        let revision = 1;
        let now = someTime;
        for (const wanted of changes) {
          now += 1;
          const answer = await at.store.runners.update(allowed(runner), wanted, now);
          apply(model, wanted);
          if (wanted.desiredPhase !== undefined || wanted.configuration !== undefined) revision += 1;
          const stored = await at.store.runners.get(at.org, runner.id);
          // Without what the driver makes of bytes: a kind of its own.
          expect(structuredClone(stored)).toEqual(answer);
          expect(stored).toMatchObject({ name: model.name, specRevision: revision, updatedAt: now });
          expect(stored?.spec.desiredPhase).toBe(model.desiredPhase);
          expect(stored?.createdAt).toBe(runner.createdAt);
          const { metrics: shown, updateWindow, ...plain } = stored?.spec.configuration ?? {};
          for (const key of plainKeys) {
            expect([key, plain[key as keyof typeof plain] || undefined]).toEqual([
              key,
              model[key] || undefined,
            ]);
          }
          expect(hoursOf(updateWindow)).toEqual(model.updateWindow ?? {});
          expect(Buffer.from(stored?.metricsPassword ?? []).toString()).toBe(model.password ?? "");
          for (const key of metricsKeys) {
            expect([key, shown?.[key as keyof typeof shown] || undefined]).toEqual([
              key,
              model[key] || undefined,
            ]);
          }
          const saysNothing = metricsKeys.every((key) => !model[key]) && !model.password;
          if (saysNothing) expect(shown).toBeUndefined();
        }
      }),
      { numRuns: 40 },
    );
  });

  test("changes that arrive together are applied one after the other, and none is lost", async () => {
    await using at = await setting(open);
    const runner = runnerOf(at.org);
    await at.store.runners.create(creating(runner), runner, exchangeTokenOf());
    const changes: RunnerChange[] = [
      { name: "renamed" },
      { configuration: { logLevel: 4 } },
      { configuration: { metrics: { url: "https://m.example" } } },
      { configuration: { metrics: { enabled: true } } },
      { desiredPhase: RunnerPhase.INACTIVE },
    ];
    await Promise.all(changes.map((wanted) => at.store.runners.update(allowed(runner), wanted, someTime)));
    expect(await at.store.runners.get(at.org, runner.id)).toMatchObject({
      name: "renamed",
      specRevision: 5,
      spec: {
        desiredPhase: RunnerPhase.INACTIVE,
        configuration: { logLevel: 4, metrics: { url: "https://m.example", enabled: true } },
      },
    });
  });
}

const plainKeys = [
  "releaseChannel",
  "autoUpdate",
  "logLevel",
  "devcontainerImageCacheEnabled",
  "continuousProfiling",
];
const metricsKeys = ["enabled", "url", "username", "managedMetricsEnabled", "includeVerboseMetrics"];

function apply(model: Model, change: RunnerChange): void {
  if (change.name !== undefined) model.name = change.name;
  if (change.desiredPhase !== undefined) model.desiredPhase = change.desiredPhase;
  const { metrics, updateWindow, ...plain } = change.configuration ?? {};
  Object.assign(model, plain);
  if (updateWindow !== undefined) model.updateWindow = updateWindow;
  const { password, ...rest } = metrics ?? {};
  Object.assign(model, rest);
  const saidOff = [rest.enabled, rest.managedMetricsEnabled].every((on) => on === false);
  const isOff = saidOff && rest.url === "" && rest.username === "";
  if (password !== undefined)
    model.password = password === null ? undefined : Buffer.from(password).toString();
  else if (isOff) model.password = undefined;
  // How verbose metrics were to be is forgotten with them, but for those that bring a password along.
  if (isOff && model.password === undefined) model.includeVerboseMetrics = false;
}

/** The hours alone: stored windows are messages, with a type name in them. */
function hoursOf(window: { startHour?: number; endHour?: number } = {}) {
  const { startHour, endHour } = window;
  return { ...(startHour !== undefined && { startHour }), ...(endHour !== undefined && { endHour }) };
}
