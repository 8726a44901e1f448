import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { runnerCodecs } from "../../src/rpc/messages/runner.ts";
import { accountStore } from "../../src/store/sqlite/accounts.ts";
import { CommitQueue } from "../../src/store/sqlite/commit-queue.ts";
import { leaseStore } from "../../src/store/sqlite/leases.ts";
import { openConnection } from "../../src/store/sqlite/open.ts";
import { runnerStore } from "../../src/store/sqlite/runners.ts";
import { runnerManagers } from "../../src/store/sqlite/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { tokenStore } from "../../src/store/sqlite/tokens.ts";
import { addRunnerManager } from "../support/database.ts";
import { exchangeTokenOf, foundingOf, newId, runnerOf } from "../support/records.ts";
import type { OpenedStore } from "./contract/setting.ts";
import { storeContract } from "./contract.ts";

async function onFile(): Promise<OpenedStore & { file: string }> {
  const dir = mkdtempSync(join(tmpdir(), "rollcall-store-"));
  const file = join(dir, "rollcall.db");
  const store = openSqliteStore({ file, codecs: runnerCodecs, role: "server" });
  return {
    file,
    store,
    addManager: (organizationId) => addRunnerManager(file, organizationId),
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(dir, { recursive: true });
    },
  };
}

/** Put together by hand: nobody else can open this database to add what the port has no method for. */
async function inMemory(): Promise<OpenedStore> {
  const connection = openConnection(":memory:", "create");
  const client = connection.$client;
  const commits = new CommitQueue(client);
  const close = async () => {
    commits.close();
    client.close();
  };
  return {
    store: {
      runners: runnerStore(connection, commits, runnerCodecs),
      leases: leaseStore(connection, commits, runnerCodecs),
      tokens: tokenStore(connection, commits),
      accounts: accountStore(connection, commits, runnerCodecs),
      healthy: async () => client.open,
      close,
    },
    addManager(organizationId) {
      const id = newId();
      connection.insert(runnerManagers).values({ id, organizationId, name: "manager", createdAt: 0 }).run();
      return id;
    },
    [Symbol.asyncDispose]: close,
  };
}

storeContract("a file", onFile);
storeContract("memory", inMemory);

describe("a file", () => {
  test("holds what was acknowledged the moment that it was", async () => {
    await using opened = await onFile();
    const founding = foundingOf();
    await opened.store.accounts.found(founding);
    const runner = runnerOf(founding.organization.id);
    await opened.store.runners.create(runner, exchangeTokenOf());
    // Another connection sees only what was committed.
    const other = openSqliteStore({ file: opened.file, codecs: runnerCodecs, role: "tool" });
    expect(await other.runners.get(founding.organization.id, runner.id)).toMatchObject(runner);
    await other.close();
  });

  test("tells when another process wrote to it", async () => {
    await using opened = await onFile();
    const before = opened.store.tokens.revocationMark();
    await opened.store.accounts.found(foundingOf());
    expect(opened.store.tokens.revocationMark()).toBe(before);
    const other = openSqliteStore({ file: opened.file, codecs: runnerCodecs, role: "tool" });
    await other.accounts.found(foundingOf());
    await other.close();
    expect(opened.store.tokens.revocationMark()).not.toBe(before);
  });
});
