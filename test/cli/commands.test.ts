import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { testClock } from "../support/clock.ts";
import { runCommand } from "../support/command.ts";
import { runInProcess } from "../support/command-in-process.ts";
import { postJson } from "../support/http.ts";
import { startTestServer } from "../support/server.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("help", () => {
  test.each([
    ["rollcall", ["--help"]],
    ...["serve", "agent", "token", "stale", "config"].map((name) => [name, [name, "--help"]] as const),
    ...["create", "list", "revoke"].map((name) => [`token ${name}`, ["token", name, "--help"]] as const),
  ] as const)("of %s has examples", async (name, words) => {
    const { code, stdout, stderr } = await runInProcess(words);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(name === "rollcall" ? "Usage: rollcall " : `Usage: rollcall ${name} `);
    expect(stdout).toMatch(/Examples?:\n {2}\S*rollcall|Examples?:\n {2}ROLLCALL/);
  });
});

test("wrong settings are all named at once", async () => {
  const words = [
    "config",
    "--port",
    "70000",
    "--log-level",
    "loud",
    "--tls-cert",
    "c.pem",
    "--renew-interval",
    "0",
  ];
  const { code, stdout, stderr } = await runInProcess([...words, "--provider-timing", "MOON=1/2"], {
    ROLLCALL_ADMIN_TOKEN: "short",
  });
  expect([code, stdout]).toEqual([2, ""]);
  for (const name of ["port", "log-level", "tls-key", "renew-interval", "provider-timing", "admin-token"]) {
    expect(stderr).toContain(name);
  }
});

test.each(
  [
    "frobnicate",
    "serve --no-such-flag",
    "serve extra",
    "token revoke",
    "token create --days 0",
    "token create --days 1.5",
    "token create --days soon",
    "token list --output yaml",
    "stale --output yaml",
  ].map((line) => [line]),
)("wrong words are refused: %s", async (line) => {
  const { code, stdout, stderr } = await runInProcess(line.split(" "));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^error: /);
});

test("config shows what would be used, without the secret; flags win over the environment", async () => {
  const { code, stdout } = await runInProcess(
    ["config", "--port", "1234", "--provider-timing", "GCP=60/30"],
    {
      ROLLCALL_PORT: "4321",
      ROLLCALL_HOST: "0.0.0.0",
      ROLLCALL_ADMIN_TOKEN: "a-secret-token",
    },
  );
  expect(code).toBe(0);
  expect(stdout).not.toContain("a-secret-token");
  expect(JSON.parse(stdout)).toMatchObject({
    host: "0.0.0.0",
    port: 1234,
    adminToken: "(set)",
    leases: { timing: { intervalMs: 30_000, graceMs: 15_000 }, perProvider: { 5: { intervalMs: 60_000 } } },
  });
});

test("tokens made and revoked beside a running server count from the next call on", async () => {
  const server = await startTestServer({ clock: testClock(Date.now()) });
  const { dataDir } = server.config;
  const token = (...words: string[]) => runCommand(["token", ...words, "--data-dir", dataDir]);
  const list = (secret: string) =>
    postJson(server.url, "gitpod.v1.RunnerService/ListRunners", {}, { authorization: `Bearer ${secret}` });

  const made = await token("create", "--description", "for ci", "--read-only", "--days", "30");
  expect(made.code).toBe(0);
  const secret = made.stdout.trim();
  expect(secret).toMatch(/^rcpat_\w+$/);
  expect((await list(secret)).status).toBe(200);

  const listed = await token("list", "--output", "json");
  expect(listed.stdout).not.toContain(secret);
  const tokens = JSON.parse(listed.stdout) as {
    id: string;
    description: string;
    readOnly: boolean;
    state: string;
  }[];
  const ours = tokens.find(({ description }) => description === "for ci");
  expect(ours).toMatchObject({ readOnly: true, state: "live" });
  expect((await token("list")).stdout).toMatch(/^ID +STATE +ACCESS/);

  expect(await token("revoke", ours?.id ?? "")).toMatchObject({ code: 0 });
  expect((await list(secret)).status).toBe(401);
  const again = await token("revoke", ours?.id ?? "");
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("no live token");
  await server.close();
});

test("a token that is made on the machine lasts as long as any personal one: 90 days at most", async () => {
  const server = await startTestServer({ clock: testClock(Date.now()) });
  const token = (...words: string[]) =>
    runInProcess(["token", ...words, "--data-dir", server.config.dataDir]);
  const before = server.clock.now();
  expect((await token("create", "--description", "default")).code).toBe(0);
  expect((await token("create", "--description", "a day", "--days", "1")).code).toBe(0);
  expect((await token("create", "--days", "91")).stderr).toContain("whole number from 1 to 90");
  const listed: { description: string; expiresAt: number }[] = JSON.parse(
    (await token("list", "--output", "json")).stdout,
  );
  for (const [description, days] of [
    ["default", 90],
    ["a day", 1],
  ] as const) {
    const lastsMs = (listed.find((one) => one.description === description)?.expiresAt ?? 0) - before;
    expect(Math.floor(lastsMs / 86_400_000)).toBe(days);
  }
  await server.close();
});

test("a tool on a folder without a server says what to do", async () => {
  const { code, stderr } = await runInProcess(["token", "list", "--data-dir", join(folder, "empty")]);
  expect(code).toBe(1);
  expect(stderr).toContain("start the server once");
});

test("says its version", async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  expect(await runInProcess(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});
