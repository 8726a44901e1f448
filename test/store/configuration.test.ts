import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Principal } from "../../src/domain/access/principal.ts";
import { draftEnvironmentClass } from "../../src/domain/environment-classes/environment-class.ts";
import { draftHostToken } from "../../src/domain/host-tokens/host-token.ts";
import { LeaseState } from "../../src/domain/leases/lease.ts";
import { RunnerPhase } from "../../src/domain/runners/enums.ts";
import type { Runner } from "../../src/domain/runners/runner.ts";
import {
  builtInScmIds,
  draftScmIntegration,
  SignIn,
} from "../../src/domain/scm-integrations/scm-integration.ts";
import { openStore } from "../../src/start/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import {
  allowed,
  creating,
  exchangeTokenOf,
  foundingOf,
  newId,
  runnerOf,
  someTime,
} from "../support/records.ts";
import { domainError } from "./contract/setting.ts";

let folder: string;
let file: string;
let store: Store;
let runner: Runner;
let adminId: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-configuration-"));
  file = join(folder, "rollcall.db");
  store = openStore(file, "server");
  const founding = foundingOf();
  await store.founding.found(founding);
  adminId = founding.admin.id;
  runner = await newRunner(founding.organization.id);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

async function newRunner(organizationId: string): Promise<Runner> {
  const made = runnerOf(organizationId);
  await store.runners.create(creating(made), made, exchangeTokenOf());
  return made;
}
const key = randomBytes(32);
const report = (publicKey: Uint8Array) =>
  store.leases.record({
    ...{ runnerId: runner.id, organizationId: runner.organizationId, state: LeaseState.LIVE, generation: 1 },
    ...{
      phase: RunnerPhase.ACTIVE,
      sinceMs: someTime,
      lastSeenMs: someTime,
      appliedSpecRevision: 1,
      now: someTime,
    },
    report: { publicKey },
  });
const making = () => ({
  id: newId(),
  organizationId: runner.organizationId,
  runnerId: runner.id,
  now: someTime,
});
const newClass = () =>
  draftEnvironmentClass(runner, { displayName: "Large", description: "Large", configuration: [] }, making());
const newIntegration = (host: string, secret = "") =>
  draftScmIntegration(
    {
      ...{ scmId: "github", host, pat: true, issuerUrl: "", virtualDirectory: "" },
      ...{ oauthClientId: secret === "" ? "" : "client", oauthClientSecret: secret },
    },
    making(),
    { knownScmIds: builtInScmIds, seal: (text) => ({ sealed: Buffer.from(text), sealedTo: key }) },
  );
const newToken = (host: string) =>
  draftHostToken(
    {
      host,
      token: "t",
      refreshToken: "",
      source: SignIn.PAT,
      expiresAt: null,
      scopes: [],
      integrationId: null,
    },
    { ...making(), subject: { id: adminId, principal: Principal.USER } },
    (text) => Buffer.from(text),
  );
const revision = async () =>
  (await store.runners.get(runner.organizationId, runner.id))?.configurationRevision;
/** How much there is of everything that a change leaves. */
const counts = () => {
  const database = new Database(file, { readonly: true });
  const tables = [
    "environment_classes",
    "scm_integrations",
    "host_authentication_tokens",
    "runners",
    "events",
    "audit_log",
  ];
  const found = tables.map((table) => database.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
  database.close();
  return found;
};

test("each change of a class or an integration counts the runner's revision, and a token does not", async () => {
  const by = allowed<"configure">(runner);
  const made = newClass();
  const integration = newIntegration("github.com");
  const steps: [() => Promise<unknown>, number][] = [
    [() => store.environmentClasses.create(by, made), 1],
    [() => store.environmentClasses.update(by, made.id, { enabled: false }, someTime), 2],
    [() => store.environmentClasses.update(by, made.id, {}, someTime), 2],
    [() => store.scmIntegrations.create(by, integration), 3],
    [() => store.hostTokens.create(allowed(runner), newToken("github.com")), 3],
    [() => store.scmIntegrations.update(by, integration.id, { pat: false }, someTime), 4],
    [() => store.scmIntegrations.update(by, integration.id, {}, someTime), 4],
    [() => store.scmIntegrations.remove(by, integration.id, someTime), 5],
  ];
  for (const [step, after] of steps) {
    await step();
    expect(await revision()).toBe(after);
  }
});

test("what was sealed to a key that the runner has changed since is not stored", async () => {
  const by = allowed<"configure">(runner);
  await report(key);
  const integration = newIntegration("github.com", "secret");
  await report(randomBytes(32));
  const before = counts();
  const changed = { kind: "aborted", reason: "PUBLIC_KEY_CHANGED", retryAfterMs: 0 };
  expect(await domainError(store.scmIntegrations.create(by, integration))).toMatchObject(changed);
  const plain = newIntegration("github.com");
  await store.scmIntegrations.create(by, plain);
  const secret = { oauthClientId: "client", oauthClientSecret: { sealed: Buffer.from("s"), sealedTo: key } };
  const update = store.scmIntegrations.update(by, plain.id, secret, someTime);
  expect(await domainError(update)).toMatchObject(changed);
  expect((await store.scmIntegrations.get(runner.organizationId, plain.id))?.oauth).toBeNull();
  expect(counts()[1]).toBe(Number(before[1]) + 1);
});

describe("a runner that", () => {
  test("is being deleted takes nothing new, and can be cleared", async () => {
    const by = allowed<"configure">(runner);
    const integration = newIntegration("github.com");
    await store.scmIntegrations.create(by, integration);
    const token = await store.hostTokens.create(allowed(runner), newToken("github.com"));
    await store.runners.requestDeletion(allowed(runner), someTime);
    for (const call of [
      store.environmentClasses.create(by, newClass()),
      store.scmIntegrations.create(by, newIntegration("gitlab.com")),
      store.scmIntegrations.update(by, integration.id, { pat: false }, someTime),
      store.hostTokens.create(allowed(runner), newToken("github.com/x")),
    ]) {
      expect(await domainError(call)).toMatchObject({
        kind: "failed_precondition",
        reason: "RUNNER_DELETING",
      });
    }
    const own = { ...token, by: by.by } as Parameters<typeof store.hostTokens.remove>[0];
    expect(await store.hostTokens.remove(own, someTime)).toBe(true);
    expect(await store.hostTokens.remove(own, someTime)).toBe(false);
    expect(await store.scmIntegrations.remove(by, integration.id, someTime)).toBe(true);
  });

  test("is gone, or is another one, has nothing to change", async () => {
    const by = allowed<"configure">(runner);
    const [made, integration] = [newClass(), newIntegration("github.com")];
    await store.environmentClasses.create(by, made);
    await store.scmIntegrations.create(by, integration);
    const other = allowed<"configure">(await newRunner(runner.organizationId));
    expect(await store.environmentClasses.update(other, made.id, { enabled: false }, someTime)).toBe(false);
    expect(await store.scmIntegrations.update(other, integration.id, { pat: false }, someTime)).toBe(false);
    expect(await store.scmIntegrations.remove(other, integration.id, someTime)).toBe(false);
    await store.runners.remove(allowed(runner), someTime);
    for (const call of [
      store.environmentClasses.create(by, newClass()),
      store.scmIntegrations.create(by, newIntegration("gitlab.com")),
      store.hostTokens.create(allowed(runner), newToken("github.com")),
    ]) {
      expect(await domainError(call)).toMatchObject({ kind: "not_found", reason: "RUNNER_NOT_FOUND" });
    }
  });
});

test.each([
  ["the deletion of a runner", () => store.runners.remove(allowed(runner), someTime), "environment_classes"],
  ["the deletion of a runner at its end", () => store.runners.remove(allowed(runner), someTime), "runners"],
])("%s that fails on the way leaves everything in place", async (_what, act, table) => {
  const by = allowed<"configure">(runner);
  await store.environmentClasses.create(by, newClass());
  await store.scmIntegrations.create(by, newIntegration("github.com"));
  await store.hostTokens.create(allowed(runner), newToken("github.com"));
  const before = counts();
  const database = new Database(file);
  database.exec(`CREATE TRIGGER stop BEFORE DELETE ON ${table} BEGIN SELECT raise(ABORT, 'stopped'); END`);
  database.close();
  await expect(act()).rejects.toThrow("stopped");
  expect(counts()).toEqual(before);
});
