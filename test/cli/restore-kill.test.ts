import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { openStore, storeFiles } from "../../src/start/open-store.ts";
import { runCommand, startCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { foundingOf } from "../support/records.ts";

/** Milliseconds after the restore began to write, for one kill each: the whole of it takes some tens. */
const moments = [2, 6, 12, 20, 32, 56, 96];

test("SIGKILL at any moment of a restore leaves the database of before or the new one, whole", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rollcall-restore-kill-"));
  const before = join(folder, "before");
  mkdirSync(before, { mode: 0o700 });
  writeFileSync(join(before, "server.key"), "ab".repeat(32), { mode: 0o600 });
  const backup = join(folder, "backup.db");
  await found(join(before, "rollcall.db"), true);
  await storeFiles.backUp(join(before, "rollcall.db"), backup);
  await found(join(before, "rollcall.db"), false);
  let restores = 0;
  /** Kills a restore so many milliseconds after it began to write; resolves to how many organisations are there then. */
  const killedAfter = async (moment: number): Promise<number> => {
    restores += 1;
    const dataDir = join(folder, `data-${restores}`);
    cpSync(before, dataDir, { recursive: true });
    const file = join(dataDir, "rollcall.db");
    const restore = startCommand(["restore", backup, "--data-dir", dataDir]);
    const begun = () => existsSync(`${file}.restoring`) || kept(dataDir) || restore.hasEnded();
    while (!begun()) await wait(0);
    await wait(moment);
    restore.process.kill("SIGKILL");
    await restore.exited;
    expect(storeFiles.check(file).problems).toEqual([]);
    const outcome = organizations(file);
    // What is left of it does not stand in the way of the next one.
    if (moment === 0 || moment === 32) {
      expect(await runCommand(["restore", backup, "--data-dir", dataDir])).toMatchObject({ code: 0 });
      expect([organizations(file), storeFiles.check(file).problems]).toEqual([1, []]);
      expect(existsSync(`${file}.restoring`)).toBe(false);
    }
    return outcome;
  };
  // One kill must come before the end, or the test shows nothing: where this process was too slow for it, once more.
  await eventually(async () => expect(await killedAfter(0)).toBe(2));
  for (const moment of moments) expect([1, 2]).toContain(await killedAfter(moment));
  rmSync(folder, { recursive: true });
});

const kept = (dataDir: string) => readdirSync(dataDir).some((name) => name.includes(".replaced-"));

/** Adds an organisation, and rows enough that a copy takes its time. */
async function found(file: string, filled: boolean): Promise<void> {
  const store = openStore(file, "server");
  await store.founding.found(foundingOf());
  await store.close();
  if (!filled) return;
  const database = new Database(file);
  database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
    INSERT INTO audit_log SELECT 'filler-' || i, organization_id, actor_id, actor_principal, 'filler-' || i, 0, 'filler',
      3, created_at, source_address, user_agent FROM n, (SELECT * FROM audit_log LIMIT 1)`);
  database.close();
}

function organizations(file: string): number {
  const opened = new Database(file, { readonly: true });
  try {
    return Number(opened.prepare("SELECT count(*) FROM organizations").pluck().get());
  } finally {
    opened.close();
  }
}
