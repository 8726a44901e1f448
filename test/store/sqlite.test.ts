import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { OperatorGrant } from "../../src/domain/users/rights.ts";
import { openStore } from "../../src/start/open-store.ts";
import { addRunnerManager } from "../support/database.ts";
import { byUser, creating, exchangeTokenOf, foundingOf, newId, runnerOf } from "../support/records.ts";
import type { OpenedStore } from "./contract/setting.ts";
import { storeContract } from "./contract.ts";

async function onFile(): Promise<OpenedStore & { file: string }> {
  const dir = mkdtempSync(join(tmpdir(), "rollcall-store-"));
  const file = join(dir, "rollcall.db");
  const store = openStore(file, "server");
  return {
    file,
    store,
    addManager: async (organizationId) => addRunnerManager(file, organizationId),
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(dir, { recursive: true });
    },
  };
}

async function inMemory(): Promise<OpenedStore> {
  const store = openStore(":memory:", "server");
  return {
    store,
    async addManager(organizationId) {
      const grant = { by: byUser(newId(), organizationId) } as OperatorGrant;
      const id = newId();
      await store.runnerManagers.create(grant, { id, organizationId, name: id, createdAt: 0 });
      return id;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
}

storeContract("a file", onFile);
storeContract("memory", inMemory);

describe("a file", () => {
  test("tells how large it is and how much room is left", async () => {
    await using opened = await onFile();
    await opened.store.founding.found(foundingOf());
    const { databaseBytes, logBytes, availableBytes, waiting } = await opened.store.vitals();
    expect(databaseBytes).toBeGreaterThanOrEqual(statSync(opened.file).size);
    expect(logBytes).toBe(statSync(`${opened.file}-wal`).size);
    expect(logBytes).toBeGreaterThan(0);
    expect(availableBytes).toBeGreaterThan(1_000_000);
    expect(waiting).toBe(0);
    await using memory = await inMemory();
    expect(await memory.store.vitals()).toMatchObject({ logBytes: 0, availableBytes: null });
  });

  test("holds what was acknowledged the moment that it was", async () => {
    await using opened = await onFile();
    const founding = foundingOf();
    await opened.store.founding.found(founding);
    const runner = runnerOf(founding.organization.id);
    await opened.store.runners.create(creating(runner), runner, exchangeTokenOf());
    // Another connection sees only what was committed.
    const other = openStore(opened.file, "reader");
    expect(await other.runners.get(founding.organization.id, runner.id)).toMatchObject(runner);
    await other.close();
  });
});
