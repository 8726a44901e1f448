import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "../../src/start/open-store.ts";
import { listening, runCommand, startCommand } from "../support/command.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { until } from "../support/eventually.ts";
import { postJson } from "../support/http.ts";
import { foundingOf } from "../support/records.ts";
import { startTestServer } from "../support/server.ts";

let folder: string;
let dataDir: string;
let backup: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rollcall-backup-"));
  dataDir = join(folder, "data");
  backup = join(folder, "backup.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

const rollcall = (...words: string[]) => runInProcess([...words, "--data-dir", dataDir]);
const database = () => join(dataDir, "rollcall.db");

/** A database with as many organisations as asked for, and a secret under the server's key; no server on it. */
async function makeData(organizations = 1): Promise<void> {
  const server = await startTestServer({ config: { dataDir: mkdtempSync(join(folder, "server-")) } });
  expect(await server.post("gitpod.v1.RunnerService/CreateRunner", aRunner("kept"))).toMatchObject({
    status: 200,
  });
  await rollcallOf(server.config.dataDir);
  await server.close();
  const store = openStore(database(), "server");
  for (let i = 1; i < organizations; i++) await store.founding.found(foundingOf());
  await store.close();
}

/** Takes the data of a test server before its end removes it. */
async function rollcallOf(served: string): Promise<void> {
  mkdirSync(dataDir, { mode: 0o700 });
  cpSync(join(served, "server.key"), join(dataDir, "server.key"));
  expect(await runInProcess(["backup", database(), "--data-dir", served])).toMatchObject({ code: 0 });
}

function organizations(file: string): number {
  const opened = new Database(file, { readonly: true });
  try {
    return Number(opened.prepare("SELECT count(*) FROM organizations").pluck().get());
  } finally {
    opened.close();
  }
}

const aRunner = (name: string) => ({
  name,
  provider: "RUNNER_PROVIDER_GCP",
  spec: {
    configuration: { metrics: { enabled: true, url: "https://m.example", username: "u", password: "p" } },
  },
});

/** Writes over pages in the middle of a file, as a bad disk does. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  bytes.fill(0xa5, 8192, bytes.length - 8192);
  writeFileSync(file, bytes);
}

describe("rollcall backup", () => {
  test("of one name many times at once makes one whole file; the others say that it is there, and leave nothing", async () => {
    await makeData();
    // Left by one that was killed.
    writeFileSync(`${backup}.tmp`, "half");
    const words = ["backup", backup, "--data-dir", dataDir];
    const ended = await Promise.all([1, 2, 3, 4].map(() => runCommand(words)));
    expect(ended.map(({ code }) => code).sort()).toEqual([0, 1, 1, 1]);
    for (const { code, stderr } of ended.filter(({ code }) => code === 1)) {
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining("is there already; a backup replaces nothing"),
      ]);
    }
    expect(await rollcall("check", "--file", backup)).toMatchObject({ code: 0 });
    expect(
      readdirSync(folder)
        .filter((name) => name.startsWith("backup.db"))
        .sort(),
    ).toEqual(["backup.db", "backup.db.tmp"]);
    expect(readFileSync(`${backup}.tmp`, "utf8")).toBe("half");
  });

  test("under load, holds all that was acknowledged before it, and nothing half done", async () => {
    const token = "backup-admin-token";
    const words = ["serve", "--port", "0", "--data-dir", dataDir, "--log-level", "warn"];
    const server = startCommand(words, { ROLLCALL_ADMIN_TOKEN: token });
    const url = await listening(server);
    const acknowledged: string[] = [];
    let stop = false;
    const load = Array.from({ length: 8 }, async (_, worker) => {
      for (let i = 0; !stop; i++) {
        const body = aRunner(`load ${worker} ${i}`);
        const headers = { authorization: `Bearer ${token}` };
        const answer = await postJson(url, "gitpod.v1.RunnerService/CreateRunner", body, headers);
        expect(answer.status).toBe(200);
        acknowledged.push(answer.json<{ runner: { runnerId: string } }>().runner.runnerId);
      }
    });
    // A call that is refused ends the test at once.
    const goesOn = (count: number) =>
      Promise.race([until(`${count} are acknowledged`, () => acknowledged.length >= count), ...load]);
    await goesOn(50);
    for (let round = 0; round < 3; round++) {
      const before = [...acknowledged];
      const file = `${backup}.${round}`;
      // In a process of its own, as an operator runs it.
      expect(await runCommand(["backup", file, "--data-dir", dataDir])).toMatchObject({ code: 0 });
      await goesOn(before.length + 1);
      const copy = new Database(file, { readonly: true });
      const held = new Set(copy.prepare("SELECT id FROM runners").pluck().all());
      copy.close();
      expect(before.filter((id) => !held.has(id))).toEqual([]);
      expect(await rollcall("check", "--file", file)).toMatchObject({ code: 0 });
    }
    stop = true;
    await Promise.all(load);
    server.process.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(server.stderr()).not.toContain('"level":50');
  });

  test("makes one private file that stands alone, and says what else to keep", async () => {
    await makeData();
    const made = await rollcall("backup", backup);
    expect(made.stdout).toBe(`backed up ${database()} to ${backup}: ${statSync(backup).size} bytes\n`);
    expect(made.stderr).toBe(
      `keep ${join(dataDir, "server.key")} too, in another place: no backup can be restored without it\n`,
    );
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    const copy = new Database(backup);
    expect(copy.pragma("journal_mode", { simple: true })).toBe("delete");
    copy.close();
    expect(readdirSync(folder).filter((name) => name.startsWith("backup"))).toEqual(["backup.db"]);
  });

  test("replaces no file", async () => {
    await makeData();
    writeFileSync(backup, "precious");
    expect(await rollcall("backup", backup)).toMatchObject({
      code: 1,
      stderr: `rollcall: ${backup} is there already; a backup replaces nothing\n`,
    });
    expect(readFileSync(backup, "utf8")).toBe("precious");
  });

  test("makes nothing of a damaged database, or of none", async () => {
    expect((await rollcall("backup", backup)).stderr).toBe(`rollcall: ${database()} does not exist\n`);
    await makeData(40);
    damage(database());
    const refused = await rollcall("backup", backup);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/ is damaged[:;] /);
    expect(readdirSync(folder).filter((name) => name.startsWith("backup"))).toEqual([]);
  });
});

describe("rollcall restore", () => {
  test("brings the backup back and keeps the database of before, with what was only in its log", async () => {
    await makeData(2);
    await rollcall("backup", backup);
    const store = openStore(database(), "server");
    await store.founding.found(foundingOf());
    // As a kill leaves it: the last change is in the log alone.
    cpSync(`${database()}-wal`, join(folder, "log"));
    cpSync(database(), join(folder, "db"));
    await store.close();
    cpSync(join(folder, "log"), `${database()}-wal`);
    cpSync(join(folder, "db"), database());
    const restored = await rollcall("restore", backup);
    expect(restored).toMatchObject({ code: 0, stderr: "" });
    const kept = /^the database of before is (.+)$/m.exec(restored.stdout)?.[1] ?? "";
    expect([organizations(database()), organizations(kept)]).toEqual([2, 3]);
    expect(existsSync(`${database()}-wal`)).toBe(false);
    expect(statSync(database()).mode & 0o777).toBe(0o600);
    expect(await rollcall("check")).toMatchObject({ code: 0 });
    await openStore(database(), "server").close();
  });

  test("begins the events anew: no place of a watch from before it is taken for one after it", async () => {
    await makeData();
    await rollcall("backup", backup);
    const before = openStore(database(), "server");
    const inBackup = await before.events.newest();
    const organizationId = (await before.founding.first())?.organization.id ?? "";
    await before.founding.found(foundingOf());
    const since = await before.events.newest();
    await before.close();
    expect(await rollcall("restore", backup)).toMatchObject({ code: 0 });
    const after = openStore(database(), "server");
    for (const position of [0, inBackup, since]) {
      await expect(after.events.read(organizationId, position, 100)).rejects.toMatchObject({
        reason: "EVENTS_LOST",
      });
    }
    expect(await after.events.read(organizationId, await after.events.newest(), 100)).toEqual([]);
    await after.close();
  });

  test("works on a new machine that has the key, and only with the key", async () => {
    await makeData();
    await rollcall("backup", backup);
    const key = readFileSync(join(dataDir, "server.key"));
    rmSync(dataDir, { recursive: true });
    mkdirSync(dataDir);
    expect((await rollcall("restore", backup)).stderr).toMatch(/server\.key is gone/);
    writeFileSync(join(dataDir, "server.key"), "ab".repeat(32));
    expect((await rollcall("restore", backup)).stderr).toBe(
      `rollcall: ${join(dataDir, "server.key")} is not the key of this backup; put the one that you kept with it there\n`,
    );
    expect(existsSync(database())).toBe(false);
    writeFileSync(join(dataDir, "server.key"), key);
    expect(await rollcall("restore", backup)).toMatchObject({ code: 0 });
    expect(organizations(database())).toBe(1);
  });

  test("is refused while a server runs", async () => {
    await makeData();
    await rollcall("backup", backup);
    const store = openStore(database(), "server");
    expect((await rollcall("restore", backup)).stderr).toBe(
      `rollcall: another program or rollcall server is using ${database()}; stop it, or choose another --data-dir\n`,
    );
    await store.close();
    expect(await rollcall("restore", backup)).toMatchObject({ code: 0 });
  });

  test.each([
    ["a damaged file", () => damage(backup), / is damaged[:;] /],
    [
      "half a file",
      () => writeFileSync(backup, readFileSync(backup).subarray(0, 40_000)),
      / is damaged[:;] /,
    ],
    ["a file of a newer version", () => newer(backup), / was written by a newer version of rollcall/],
    ["what is no database", () => writeFileSync(backup, "Dear diary\n".repeat(900)), / is not a database/],
    ["an empty file", () => writeFileSync(backup, ""), / holds nothing of a rollcall server/],
    ["another program's database", () => otherProgram(backup), / is a database of another program/],
    ["no file", () => rmSync(backup), / does not exist/],
  ])("refuses %s, and changes nothing", async (_, spoil, words) => {
    await makeData(40);
    await rollcall("backup", backup);
    spoil();
    const before = readFileSync(database());
    const refused = await rollcall("restore", backup);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toMatch(words);
    expect(readFileSync(database()).equals(before)).toBe(true);
    // A reader leaves an empty log and its index behind.
    const left = readdirSync(dataDir).filter((name) => !/-(wal|shm)$/.test(name));
    expect(left.sort()).toEqual(["rollcall.db", "rollcall.db.lock", "server.key"]);
  });
});

describe("rollcall check", () => {
  test("counts what a sound database holds", async () => {
    await makeData();
    const { code, stdout } = await rollcall("check");
    expect([code, stdout]).toEqual([
      0,
      "1 organizations\n1 users\n2 runners\n1 access tokens\n" +
        `4 audit entries\n2 events\n${database()} is sound\n`,
    ]);
  });

  test("says what is wrong with a damaged one, and ends with 1", async () => {
    await makeData(40);
    damage(database());
    const { code, stdout, stderr } = await rollcall("check");
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/problem: |is damaged/);
  });

  test.each([
    [
      "DELETE FROM runners WHERE kind <> 3",
      /^problem: runner: gone, though the audit log says that it was created/m,
    ],
    [
      "DELETE FROM audit_log WHERE action = 'runner.create'",
      /^problem: runner: there, though the audit log knows of no/m,
    ],
    [
      "UPDATE audit_log SET action = 'runner.delete' WHERE action = 'runner.create'",
      /^problem: runner: there, though .* deleted: /m,
    ],
    [
      "UPDATE exchange_tokens SET used_at = 1",
      /^problem: exchange token of a runner: used without an access token/m,
    ],
    [
      "INSERT INTO access_tokens (id, organization_id, hash, subject_id, principal, description, read_only, creator_id, creator_principal, created_at) SELECT 'extra', organization_id, x'00', id, 3, '', 0, '', 0, created_at FROM runners WHERE kind <> 3",
      /^problem: runner: more access tokens than .* exchanges: /m,
    ],
    [
      "INSERT INTO access_tokens (id, organization_id, hash, subject_id, principal, description, read_only, creator_id, creator_principal, created_at) SELECT 'ghost', id, x'00', 'nobody', 3, '', 0, '', 0, 0 FROM organizations",
      /^problem: access token: usable, though its runner is gone: ghost/m,
    ],
    [
      "PRAGMA foreign_keys = OFF; DELETE FROM organizations",
      /^problem: a row of \w+ names a row of organizations that is not there/m,
    ],
    [
      "UPDATE runners SET metrics_password = x'0102' WHERE metrics_password IS NOT NULL",
      /^problem: server\.key opens \d of the \d secrets/m,
    ],
  ])("finds: %s", async (spoil, problem) => {
    await makeData();
    const opened = new Database(database());
    opened.pragma("foreign_keys = ON");
    // An older entry of each organisation, so that the spoilt rows are younger than the log.
    opened.exec(`UPDATE audit_log SET created_at = 1 WHERE action = 'organization.create'; ${spoil}`);
    opened.close();
    const { code, stdout, stderr } = await rollcall("check");
    expect(stdout).toMatch(problem);
    expect([code, stderr]).toEqual([1, `rollcall: ${database()} is not sound\n`]);
  });
});

function newer(file: string): void {
  const opened = new Database(file);
  opened.exec("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', 99999999999999)");
  opened.close();
}

function otherProgram(file: string): void {
  rmSync(file);
  const opened = new Database(file);
  opened.exec("CREATE TABLE recipes (name)");
  opened.close();
}

test("check and doctor tell of a database that was put by hand beside the log of another", async () => {
  await makeData();
  expect(await rollcall("backup", backup)).toMatchObject({ code: 0 });
  const store = openStore(database(), "server");
  for (let added = 0; added < 41; added++) await store.founding.found(foundingOf());
  // As a process that is killed leaves it.
  cpSync(`${database()}-wal`, join(folder, "log"));
  await store.close();
  cpSync(backup, database());
  cpSync(join(folder, "log"), `${database()}-wal`);
  const checked = await rollcall("check");
  expect([checked.code, checked.stdout]).toEqual([1, expect.stringContaining("problem: ")]);
  const examined = await rollcall("doctor", "--only", "database");
  expect([examined.code, examined.stdout]).toEqual([
    1,
    expect.stringMatching(/^fail +database .*restore a backup/),
  ]);
});
