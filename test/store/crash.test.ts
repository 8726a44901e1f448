import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { listening, startCommand } from "../support/command.ts";
import { type Call, crashClient, create, exchange, work } from "./crash/client.ts";
import { type Entry, Ledger } from "./crash/ledger.ts";

/** How often the server is killed; ROLLCALL_TEST_KILLS=100 makes a long run of it. */
const kills = Number(process.env.ROLLCALL_TEST_KILLS ?? 3);
const workers = 16;
const token = "crash-test-admin-token";

test("SIGKILL at any moment: what was acknowledged is there, what was not is whole or absent", async () => {
  const dir = mkdtempSync(join(tmpdir(), "rollcall-crash-"));
  const ledger = new Ledger();
  const start = async () => {
    const words = ["serve", "--port", "0", "--data-dir", dir, "--log-level", "warn"];
    const server = startCommand(words, { ROLLCALL_ADMIN_TOKEN: token });
    return { server, url: await listening(server) };
  };
  for (let kill = 0; kill < kills; kill++) {
    const { server, url } = await start();
    using client = crashClient(url, token);
    // First of all: nothing of an earlier life is touched before it was looked at.
    if (kill > 0) await checkAcknowledged(client.call, ledger);
    const before = ledger.entries.length;
    const working = Array.from({ length: workers }, () => work(client.call, ledger, Math.random));
    await untilBusy(ledger, before + workers * 2);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    server.process.kill("SIGKILL");
    await Promise.all(working);
    expect(await server.exited).toBeNull();
    // On a copy: opening the file would repair it before the server has to.
    const copy = `${dir}-copy`;
    cpSync(dir, copy, { recursive: true });
    checkFile(join(copy, "rollcall.db"));
    rmSync(copy, { recursive: true });
  }
  const { server, url } = await start();
  using client = crashClient(url, token);
  await checkAcknowledged(client.call, ledger);
  await checkRetries(client.call, ledger);
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(server.stderr()).toBe("");
  rmSync(dir, { recursive: true });
}, 600_000);

/** Waits until enough was acknowledged that a kill has something to lose. */
async function untilBusy(ledger: Ledger, count: number): Promise<void> {
  while (ledger.entries.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function checkAcknowledged(call: Call, { entries }: Ledger): Promise<void> {
  for (const entry of entries.filter(({ id }) => id !== null)) {
    const read = await call("RunnerService/GetRunner", { runnerId: entry.id });
    if (entry.deletion === "acknowledged") expect([entry.key, read.status]).toEqual([entry.key, 404]);
    if (read.status === 200) {
      const { name } = read.body.runner as { name: string };
      expect([entry.name, ...entry.maybeNames]).toContain(name);
    } else {
      expect([entry.key, entry.deletion]).not.toEqual([entry.key, "none"]);
    }
    if (entry.accessToken !== null) await checkAccess(call, entry, read.status === 200);
  }
}

async function checkAccess(call: Call, entry: Entry, exists: boolean): Promise<void> {
  const authorization = `Bearer ${entry.accessToken}`;
  const who = await call("IdentityService/GetAuthenticatedIdentity", {}, { authorization });
  if (exists) expect(who.body).toMatchObject({ subject: { id: entry.id } });
  else expect(JSON.stringify(who.body)).toContain("the runner was deleted");
}

/** A client that repeats what was cut off ends up with one runner a key, and one token that works. */
async function checkRetries(call: Call, ledger: Ledger): Promise<void> {
  for (const entry of ledger.entries.filter(({ deletion }) => deletion === "none")) {
    if (entry.id === null) await create(call, entry);
    if (entry.accessToken === null) await exchange(call, entry);
    await checkAccess(call, entry, true);
  }
  const names = new Map<string, string>();
  for (let page = "", first = true; first || page !== ""; first = false) {
    const pagination = { pageSize: 100, token: page };
    const { body } = await call("RunnerService/ListRunners", { pagination });
    for (const runner of body.runners as { runnerId: string; name: string }[]) {
      names.set(runner.runnerId, runner.name);
    }
    page = (body.pagination as { nextToken?: string }).nextToken ?? "";
  }
  const expected = ledger.entries.filter(({ id }) => id !== null && names.has(id));
  expect(names.size).toBe(expected.length);
}

/** The file as the kill left it: sound, and without half of any intention. */
function checkFile(file: string): void {
  const database = new Database(file);
  try {
    expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
    expect(database.pragma("foreign_key_check")).toEqual([]);
    const rows = (sql: string) => database.prepare(sql).all();
    // kind 3 is the server's own runner, which nobody bootstraps.
    expect(
      rows("SELECT id FROM runners WHERE kind <> 3 AND id NOT IN (SELECT runner_id FROM exchange_tokens)"),
    ).toEqual([]);
    expect(
      rows("SELECT hash FROM exchange_tokens WHERE (used_at IS NULL) <> (access_token_id IS NULL)"),
    ).toEqual([]);
    expect(
      rows(
        "SELECT id FROM access_tokens WHERE principal = 3 AND revoked_at IS NULL AND subject_id NOT IN (SELECT id FROM runners)",
      ),
    ).toEqual([]);
  } finally {
    database.close();
  }
}
