import { expect, test } from "vitest";
import { RunnerPhase, RunnerProvider } from "../../../src/domain/runners/enums.ts";
import type { Runner } from "../../../src/domain/runners/runner.ts";
import type { NewExchangeToken, Store } from "../../../src/store/store.ts";
import {
  allowed,
  creating,
  exchangeTokenOf,
  newId,
  nowhere,
  register,
  runnerOf,
  someTime,
} from "../../support/records.ts";
import { domainError, type OpenStore, setting } from "./setting.ts";

export function runnerContract(open: OpenStore): void {
  test("a runner comes back as it was stored", async () => {
    await using at = await setting(open);
    const configuration = {
      region: "eu-1",
      releaseChannel: 2,
      autoUpdate: true,
      metrics: {
        enabled: true,
        url: "https://metrics.example",
        username: "u",
        password: "hidden",
        managedMetricsEnabled: true,
        includeVerboseMetrics: true,
      },
      logLevel: 3,
      devcontainerImageCacheEnabled: true,
      updateWindow: { startHour: 0 },
      encryptedHoneycombApiKey: new Uint8Array(),
      continuousProfiling: true,
    };
    const spec = { desiredPhase: RunnerPhase.INACTIVE, variant: 2, configuration };
    const runner = runnerOf(at.org, { name: "Läufer 🏃", spec });
    await at.store.runners.create(creating(runner), runner, exchangeTokenOf());
    const stored = await at.store.runners.get(at.org, runner.id);
    expect(stored).toMatchObject({
      ...runner,
      metricsPassword: expect.anything(),
      spec: { ...spec, configuration: { ...configuration, metrics: { password: "" } } },
    });
    expect(Buffer.from(stored?.metricsPassword ?? []).toString()).toBe("sealed hidden");
  });

  test("nothing reaches into another organisation", async () => {
    await using at = await setting(open);
    const { runners, tokens } = at.store;
    const runner = runnerOf(at.org);
    await runners.create(creating(runner), runner, exchangeTokenOf());
    const stolen = { ...runner, organizationId: at.otherOrg };
    expect(await runners.get(at.otherOrg, runner.id)).toBeNull();
    expect(await runners.bootstrapToken(at.otherOrg, runner.id)).toBeNull();
    expect(await runners.update(allowed(stolen), { name: "stolen" }, someTime)).toBeNull();
    expect(await runners.requestDeletion(allowed(stolen), someTime)).toBe(false);
    expect(await runners.remove(allowed(stolen), someTime)).toBe(false);
    expect(await tokens.addExchangeToken(allowed(stolen), exchangeTokenOf())).toBe(false);
    expect(await runners.get(at.org, runner.id)).toMatchObject(runner);
  });

  test("a runner of an organisation that does not exist is refused, its token with it", async () => {
    await using at = await setting(open);
    const runner = runnerOf(newId());
    const token = exchangeTokenOf();
    await expect(at.store.runners.create(creating(runner), runner, token)).rejects.toThrow();
    expect(await at.store.runners.get(runner.organizationId, runner.id)).toBeNull();
    expect(await exchange(at.store, token)).toBe("EXCHANGE_TOKEN_UNKNOWN");
  });

  test("writes that arrive together succeed and fail each for itself", async () => {
    await using at = await setting(open);
    const { runners } = at.store;
    const good = Array.from({ length: 20 }, () => runnerOf(at.org));
    const twin = { ...runnerOf(at.org), id: good[7]?.id ?? "" };
    const taken = exchangeTokenOf();
    const withTakenToken = runnerOf(at.org);
    const outcomes = await Promise.allSettled([
      ...good.slice(0, 10).map((runner) => runners.create(creating(runner), runner, exchangeTokenOf())),
      runners.create(creating(twin), twin, exchangeTokenOf()),
      register(runners, runnerOf(newId()), exchangeTokenOf()),
      register(runners, runnerOf(at.org), taken),
      runners.create(creating(withTakenToken), withTakenToken, taken),
      ...good.slice(10).map((runner) => runners.create(creating(runner), runner, exchangeTokenOf())),
    ]);
    const failed = outcomes.flatMap(({ status }, index) => (status === "rejected" ? [index] : []));
    expect(failed).toEqual([10, 11, 13]);
    for (const runner of good) expect(await runners.get(at.org, runner.id)).toMatchObject(runner);
    expect(await runners.get(at.org, withTakenToken.id)).toBeNull();
  });

  test("a managed runner needs a manager of its organisation, and has it for itself", async () => {
    await using at = await setting(open);
    const { runners } = at.store;
    const managed = (managerId: string) => runnerOf(at.org, { provider: RunnerProvider.MANAGED, managerId });
    const create = (runner: Runner) => runners.create(creating(runner), runner, exchangeTokenOf());
    const foreign = await at.addManager(at.otherOrg);
    for (const managerId of [newId(), foreign]) {
      const refused = await domainError(create(managed(managerId)));
      expect(refused).toMatchObject({ kind: "not_found", reason: "RUNNER_MANAGER_NOT_FOUND" });
    }
    const managerId = await at.addManager(at.org);
    const first = managed(managerId);
    await create(first);
    const second = await domainError(create(managed(managerId)));
    expect(second).toMatchObject({ kind: "already_exists", reason: "RUNNER_MANAGER_TAKEN" });
    await runners.remove(allowed(first), someTime);
    await create(managed(managerId));
  });

  test("removal is once, and ends the tokens with the reason", async () => {
    await using at = await setting(open);
    const { runners, tokens } = at.store;
    const runner = runnerOf(at.org);
    const [used, unused] = [exchangeTokenOf(), exchangeTokenOf()];
    await runners.create(creating(runner), runner, used);
    await tokens.addExchangeToken(allowed(runner), unused);
    const access = { id: newId(), hash: Buffer.alloc(32, 7) };
    await tokens.exchange({
      hash: used.hash,
      idempotencyHash: null,
      access,
      certificateName: null,
      from: nowhere,
      now: someTime,
    });
    const removals = await Promise.all([
      runners.remove(allowed(runner), someTime + 5),
      runners.remove(allowed(runner), someTime + 6),
    ]);
    expect(removals).toEqual([true, false]);
    expect(await runners.get(at.org, runner.id)).toBeNull();
    expect(await tokens.findAccessToken(access.hash)).toMatchObject({
      revokedAt: someTime + 5,
      revokedFor: "RUNNER_DELETED",
    });
    expect(await exchange(at.store, unused)).toBe("EXCHANGE_TOKEN_UNKNOWN");
    expect(await runners.update(allowed(runner), { name: "ghost" }, someTime)).toBeNull();
    expect(await tokens.addExchangeToken(allowed(runner), exchangeTokenOf())).toBe(false);
  });

  test("a wish to delete keeps its first time and stops changes", async () => {
    await using at = await setting(open);
    const { runners, leases } = at.store;
    const runner = runnerOf(at.org);
    await runners.create(creating(runner), runner, exchangeTokenOf());
    expect(await runners.requestDeletion(allowed(runner), someTime + 1)).toBe(true);
    expect(await runners.requestDeletion(allowed(runner), someTime + 2)).toBe(true);
    const marked = { ...runner, deletionRequestedAt: someTime + 1 };
    expect(await runners.get(at.org, runner.id)).toMatchObject(marked);
    expect(await leases.deleting()).toMatchObject([marked]);
    const late = await domainError(runners.update(allowed(runner), { name: "late" }, someTime));
    expect(late).toMatchObject({ kind: "failed_precondition", reason: "RUNNER_DELETING" });
  });

  test("the bootstrap token is the one used last, else the newest", async () => {
    await using at = await setting(open);
    const { runners, tokens } = at.store;
    const runner = runnerOf(at.org);
    const first = exchangeTokenOf();
    await runners.create(creating(runner), runner, first);
    const newer = exchangeTokenOf({ createdAt: someTime + 10, expiresAt: someTime + 20 });
    await tokens.addExchangeToken(allowed(runner), newer);
    const bootstrap = () => runners.bootstrapToken(at.org, runner.id);
    expect(await bootstrap()).toEqual({
      issuedAtMs: someTime + 10,
      usedAtMs: null,
      expiresAtMs: someTime + 20,
    });
    await exchange(at.store, first, someTime + 3);
    expect(await bootstrap()).toMatchObject({ issuedAtMs: someTime, usedAtMs: someTime + 3 });
  });

  test("a closed store says so, and can be closed again", async () => {
    await using at = await setting(open);
    expect(await at.store.healthy()).toBe(true);
    const accepted = register(at.store.runners, runnerOf(at.org), exchangeTokenOf());
    await at.store.close();
    expect(await accepted).toEqual({ replay: null });
    expect(await at.store.healthy()).toBe(false);
    const late = await domainError(register(at.store.runners, runnerOf(at.org), exchangeTokenOf()));
    expect(late.kind).toBe("unavailable");
    await expect(at.store.runners.get(at.org, newId())).rejects.toThrow();
    await at.store.close();
  });
}

/** Exchanges a token; resolves to the reason of the refusal, or "ok". */
async function exchange(
  store: Store,
  { hash }: NewExchangeToken,
  now = someTime,
): Promise<string | undefined> {
  const access = { id: newId(), hash: Buffer.from(newId()) };
  const call = store.tokens.exchange({
    hash,
    idempotencyHash: null,
    access,
    certificateName: null,
    from: nowhere,
    now,
  });
  return call.then(
    () => "ok",
    (error) => error.reason,
  );
}
