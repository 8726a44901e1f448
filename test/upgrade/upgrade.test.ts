import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/config.ts";
import { secretBox } from "../../src/domain/tokens/seal.ts";
import { startServer } from "../../src/server.ts";
import { existingServerKeys } from "../../src/start/data-dir.ts";
import { storeFiles } from "../../src/start/open-store.ts";
import { testClock } from "../support/clock.ts";
import { startCommand } from "../support/command.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { postJson } from "../support/http.ts";
import { capturedLog } from "../support/log.ts";

// Databases as the servers of their time left them. fixtures/README.md says how one is made.

/** What a server answered before it was stopped, and tokens that it had given out. */
interface Known {
  readonly adminToken: string;
  readonly runnerToken: string;
  /** Not used yet. */
  readonly exchangeToken: string;
  readonly runners: readonly Record<string, unknown>[];
}

const fixtures = join(import.meta.dirname, "fixtures");
const migrations = join(import.meta.dirname, "../../src/store/sqlite/migrations");
const schemas = readdirSync(fixtures).filter((name) => !name.endsWith(".md"));

let dataDir: string;
let file: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "rollcall-upgrade-"));
  file = join(dataDir, "rollcall.db");
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function take(schema: string): Known {
  const from = (name: string) => join(fixtures, schema, name);
  writeFileSync(file, gunzipSync(readFileSync(from("rollcall.db.gz"))), { mode: 0o600 });
  writeFileSync(join(dataDir, "server.key"), readFileSync(from("server.key")), { mode: 0o600 });
  return JSON.parse(readFileSync(from("known.json"), "utf8")) as Known;
}

const start = () =>
  startServer(parseConfig({ port: "0", "data-dir": dataDir }), {
    // A day on which the fixtures were made: their tokens have not expired.
    clock: testClock(Date.UTC(2026, 10, 24, 13)),
    log: capturedLog().log,
  });

/** Every table's definition and rows: what a reader of the file can see. */
function contents(): unknown {
  const database = new Database(file, { readonly: true });
  try {
    const tables = database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").all();
    const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
    return [tables, names.map((name) => database.prepare(`SELECT * FROM "${name}"`).all())];
  } finally {
    database.close();
  }
}

test("the newest released schema has a fixture", () => {
  const newest = readdirSync(migrations).filter((name) => name.endsWith(".sql"));
  expect(schemas).toContain(newest.sort().at(-1)?.replace(".sql", ""));
});

describe.each(schemas)("a database of schema %s", (schema) => {
  test("serves after an upgrade what it served before, to the tokens of before", async () => {
    const known = take(schema);
    const server = await start();
    try {
      const call = (procedure: string, body: unknown, token: string) =>
        postJson(server.url, procedure, body, { authorization: `Bearer ${token}` });
      const listed = await call("gitpod.v1.RunnerService/ListRunners", {}, known.adminToken);
      expect([listed.status, listed.json()]).toMatchObject([200, { runners: known.runners }]);
      const id = known.runners.find((runner) => runner.name === "exchanged")?.runnerId;
      const own = await call("gitpod.v1.RunnerService/GetRunner", { runnerId: id }, known.runnerToken);
      expect([own.status, own.json()]).toMatchObject([200, { runner: { name: "exchanged" } }]);
      const exchange = async () => {
        const { exchangeToken } = known;
        return (await postJson(server.url, "gitpod.v1.IdentityService/ExchangeToken", { exchangeToken }))
          .status;
      };
      expect([await exchange(), await exchange()]).toEqual([200, 401]);
    } finally {
      await server.close();
    }
    expect(await runInProcess(["check", "--data-dir", dataDir])).toMatchObject({ code: 0 });
  });

  test("is upgraded once: a second start changes no schema", async () => {
    take(schema);
    await (await start()).close();
    const [before] = contents() as [unknown, unknown];
    await (await start()).close();
    expect((contents() as [unknown, unknown])[0]).toEqual(before);
  });
});

test("service accounts of before soft deletion go on, and give their names free when they are deleted", async () => {
  const { adminToken } = take("0006_longest_leases");
  const database = new Database(file);
  database.exec(`INSERT INTO service_accounts SELECT '01900000-0000-7000-8000-000000000001', id, 'ci', '', id, 2, 1,
    4102444800000, 0, 0 FROM organizations`);
  database.close();
  const server = await start();
  try {
    const call = async (method: string, body: object) => {
      const procedure = `gitpod.v1.ServiceAccountService/${method}`;
      const answer = await postJson(server.url, procedure, body, { authorization: `Bearer ${adminToken}` });
      return { status: answer.status, ...(answer.json() as object) };
    };
    const again = { name: "ci", validUntil: "2099-01-01T00:00:00Z" };
    expect(await call("ListServiceAccounts", {})).toMatchObject({ serviceAccounts: [{ name: "ci" }] });
    expect((await call("CreateServiceAccount", again)).status).toBe(409);
    const serviceAccountId = "01900000-0000-7000-8000-000000000001";
    expect((await call("DeleteServiceAccount", { serviceAccountId })).status).toBe(200);
    expect((await call("CreateServiceAccount", again)).status).toBe(200);
    const filter = { includeSuspended: true };
    expect(await call("ListServiceAccounts", { filter })).toMatchObject({
      serviceAccounts: [{ name: "ci" }, { name: "ci", suspended: true }],
    });
  } finally {
    await server.close();
  }
});

test("what was set up on a runner is there after an upgrade, and its host token opens", async () => {
  const { adminToken } = take("0008_runner_configuration");
  const server = await start();
  try {
    const list = async (method: string) => {
      const procedure = `gitpod.v1.RunnerConfigurationService/${method}`;
      return (await postJson(server.url, procedure, {}, { authorization: `Bearer ${adminToken}` })).json();
    };
    expect(await list("ListEnvironmentClasses")).toMatchObject({
      environmentClasses: [
        { displayName: "Large", configuration: [{ key: "cpu", value: "8" }], enabled: true },
      ],
    });
    expect(await list("ListSCMIntegrations")).toMatchObject({
      integrations: [{ scmId: "github", host: "github.com", pat: true }],
    });
    expect(await list("ListHostAuthenticationTokens")).toMatchObject({ tokens: [{ host: "github.com" }] });
  } finally {
    await server.close();
  }
  const [key] = existingServerKeys(dataDir);
  const texts = storeFiles
    .sealedSecrets(file)
    .map(({ sealed, context }) => Buffer.from(secretBox(key).open(sealed, context)).toString());
  expect(texts).toContain("fixture-token-of-a-host");
});

test("an upgrade that fails halfway leaves everything as it was, and the server does not start", async () => {
  take("0000_start");
  // The last step of the upgrade finds a table of its own name: all that ran before it has to be undone.
  const database = new Database(file);
  database.exec(obstacle());
  database.close();
  const before = contents();
  await expect(start()).rejects.toThrow(
    new RegExp(`^${file} could not be upgraded, and is as it was: table .* already exists; run the version`),
  );
  expect(contents()).toEqual(before);
  const copy = join(dataDir, "again.db");
  cpSync(file, copy);
  const reopened = new Database(copy);
  expect(reopened.pragma("integrity_check", { simple: true })).toBe("ok");
  reopened.close();
});

test("an upgrade that the disk has no room for is told as such, leaves everything, and succeeds once there is room", async () => {
  take("0000_start");
  const before = contents();
  // The kernel refuses what goes further into the log, which the upgrade needs more of.
  const limit = ["prlimit", "--fsize=40000"];
  const refused = startCommand(["serve", "--port", "0", "--data-dir", dataDir], {}, limit);
  expect(await refused.exited).toBe(1);
  expect(refused.stderr()).toContain(
    `rollcall: ${file} could not be upgraded, and is as it was: the disk is full, or fails; run the version`,
  );
  expect(contents()).toEqual(before);
  await (await start()).close();
  expect(await runInProcess(["check", "--data-dir", dataDir])).toMatchObject({ code: 0 });
});

/** Makes the last table that the migrations make. */
function obstacle(): string {
  const sql = readdirSync(migrations)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => readFileSync(join(migrations, name), "utf8"))
    .join("\n");
  const name = [...sql.matchAll(/CREATE TABLE `([^`]+)`/g)].at(-1)?.[1];
  return `CREATE TABLE \`${name}\` (x)`;
}
