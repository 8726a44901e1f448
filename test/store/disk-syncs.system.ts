import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CommandProcess, listening, startCommand } from "../support/command.ts";
import { postJson } from "../support/http.ts";

// What a server asks of the kernel, seen by strace: which thread syncs, and what becomes of a server whose sync fails.

const token = "disk-syncs-admin-token";
let dir: string;
let server: CommandProcess;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "rollcall-syncs-"));
});
afterEach(() => {
  server.process.kill("SIGKILL");
  rmSync(dir, { recursive: true });
});

async function start(): Promise<string> {
  server = startCommand(["serve", "--port", "0", "--data-dir", join(dir, "data")], {
    ROLLCALL_ADMIN_TOKEN: token,
  });
  return listening(server);
}

/** Traces the server's syncs until the returned function is called, which resolves to the lines: `thread call(…`. */
async function trace(...inject: readonly string[]): Promise<() => Promise<readonly string[]>> {
  const file = join(dir, "trace");
  const words = [
    "-f",
    "-y",
    "-o",
    file,
    "-e",
    "trace=fsync,fdatasync",
    ...inject,
    "-p",
    String(server.process.pid),
  ];
  const tracer = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
  const gone = new Promise((resolve) => tracer.once("close", resolve));
  await new Promise<void>((resolve) => {
    tracer.stderr.on("data", (text) => {
      if (String(text).includes("attached")) resolve();
    });
  });
  return async () => {
    tracer.kill("SIGINT");
    await gone;
    return readFileSync(file, "utf8").split("\n");
  };
}

const create = (url: string, name: string) =>
  postJson(
    url,
    "gitpod.v1.RunnerService/CreateRunner",
    { name, provider: "RUNNER_PROVIDER_GCP" },
    { authorization: `Bearer ${token}` },
  );

test("the thread that serves never waits for the disk, through commits and checkpoints", async () => {
  const url = await start();
  const stop = await trace();
  for (let round = 0; round < 60; round += 1) {
    const made = await Promise.all(Array.from({ length: 16 }, (_, i) => create(url, `runner ${round} ${i}`)));
    expect(made.map(({ status }) => status)).toEqual(made.map(() => 200));
  }
  const lines = await stop();
  const of = (what: RegExp) => lines.filter((line) => what.test(line));
  expect(of(/ (fsync|fdatasync)\(.*-wal>/).length).toBeGreaterThanOrEqual(60);
  // The database's own file: a checkpoint.
  expect(of(/ (fsync|fdatasync)\(.*rollcall\.db>/).length).toBeGreaterThan(0);
  expect(of(new RegExp(`^${server.process.pid} .*sync\\(`))).toEqual([]);
});

test("a server whose sync of a commit fails says so and ends, and the next one has all that was acknowledged", async () => {
  const url = await start();
  let kept = 0;
  for (; kept < 5; kept += 1) expect((await create(url, `kept ${kept}`)).status).toBe(200);
  const stop = await trace("-e", "inject=fsync,fdatasync:error=EIO");
  const refused = await create(url, "perhaps");
  expect([refused.status, refused.text]).toEqual([503, expect.stringContaining("STORE_UNAVAILABLE")]);
  expect(refused.text).not.toContain("nothing was changed");
  expect(await server.exited).toBe(1);
  await stop();
  expect(server.stderr()).toContain("the disk failed to keep what was written; start the server again");

  await start();
  const data = new Database(join(dir, "data/rollcall.db"), { readonly: true });
  const names = data.prepare<[], string>("SELECT name FROM runners WHERE name LIKE 'kept %'").pluck().all();
  data.close();
  expect(names).toEqual(expect.arrayContaining(Array.from({ length: kept }, (_, i) => `kept ${i}`)));
});
