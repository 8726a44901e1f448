import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { drizzle } from "drizzle-orm/better-sqlite3";
import { migrate } from "drizzle-orm/better-sqlite3/migrator";
import { afterEach, beforeEach, expect, test } from "vitest";
import { authorityOf } from "../../src/domain/access/authority.ts";
import { Principal } from "../../src/domain/access/principal.ts";
import { openStore } from "../../src/start/open-store.ts";
import { newId } from "../support/records.ts";

const migrations = join(import.meta.dirname, "../../src/store/sqlite/migrations");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-migration-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A database as the first version left it: an organisation and its one user. */
function firstVersion(file: string, organizationId: string, userId: string): void {
  const old = join(folder, "migrations");
  mkdirSync(join(old, "meta"), { recursive: true });
  cpSync(join(migrations, "0000_start.sql"), join(old, "0000_start.sql"));
  const journal = JSON.parse(readFileSync(join(migrations, "meta/_journal.json"), "utf8"));
  journal.entries = journal.entries.slice(0, 1);
  writeFileSync(join(old, "meta/_journal.json"), JSON.stringify(journal));
  const client = new Database(file);
  client.pragma(`application_id = ${0x52434c4c}`);
  migrate(drizzle(client), { migrationsFolder: old });
  client.prepare("INSERT INTO organizations VALUES (?, 'default', 1795000000000)").run(organizationId);
  client
    .prepare("INSERT INTO users (id, organization_id, name, email, created_at) VALUES (?, ?, 'a', 'b', 1)")
    .run(userId, organizationId);
  client.close();
}

test("the user of a first-version database is an admin afterwards, by way of the system's groups", async () => {
  const [organizationId, userId] = [newId(), newId()];
  const file = join(folder, "rollcall.db");
  firstVersion(file, organizationId, userId);
  const store = openStore(file, "server");
  try {
    const grants = await store.access.grantsOf(organizationId, userId);
    expect(grants.groupIds).toHaveLength(2);
    for (const id of grants.groupIds) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(1795000000000);
    }
    expect(authorityOf(Principal.USER, grants)).toMatchObject({ orgAdmin: true, member: true });
  } finally {
    await store.close();
  }
});
