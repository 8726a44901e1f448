import {
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCommand as runCommandLine } from "../../src/cli/command.ts";
import { LineSink } from "../../src/lib/line-sink.ts";
import { type CommandProcess, listening, runCommand, startCommand } from "../support/command.ts";
import { until } from "../support/eventually.ts";
import { plainRequest, postJson } from "../support/http.ts";
import { fakeTerminal } from "../support/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));
const dataDir = (name: string) => join(folder, name);
const identity = "gitpod.v1.IdentityService/GetAuthenticatedIdentity";
const statusFor = async (url: string, token: string) =>
  (await postJson(url, identity, {}, { authorization: `Bearer ${token}` })).status;

test("prints one line when it is ready, and where the first admin's token is", async () => {
  const dir = dataDir("first");
  const words = ["serve", "--port", "0", "--data-dir", dir];
  const first = startCommand(words);
  const url = await listening(first);
  expect((await plainRequest(`${url}/readyz`)).status).toBe(200);
  const file = join(dir, "admin-token");
  const token = readFileSync(file, "utf8").trim();
  expect(token).toMatch(/^rcpat_\w+$/);
  expect(first.stderr()).toContain(`\nadmin token: in the file ${file}\n`);
  expect(await statusFor(url, token)).toBe(200);
  first.process.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  expect(first.stdout()).toBe(`listening on ${url}\n`);
  // A journal keeps what it reads.
  expect(first.stderr()).not.toContain("rcpat_");

  const modes = ["", "admin-token", "server.key", "rollcall.db"].map(
    (name) => statSync(join(dir, name)).mode & 0o777,
  );
  expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);

  const second = startCommand(words);
  expect(await statusFor(await listening(second), token)).toBe(200);
  second.process.kill("SIGINT");
  expect(await second.exited).toBe(0);
  expect(second.stderr()).not.toContain(token);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "neither a first start nor its end by %s has Node warn of anything",
  async (signal) => {
    const words = ["serve", "--port", "0", "--data-dir", dataDir(`warned-${signal}`)];
    const server = startCommand(words, { NODE_OPTIONS: "--trace-warnings" });
    await listening(server);
    server.process.kill(signal);
    expect(await server.exited).toBe(0);
    expect(server.stderr()).not.toMatch(/\(node:\d+\)|warning|deprecat/i);
    expect(server.stderr()).toContain('"msg":"stopped"');
  },
);

test("shows the first admin's token to a terminal, once", async () => {
  const dir = dataDir("terminal");
  for (const shown of [1, 0]) {
    const stop = Promise.withResolvers<string>();
    const errorOutput = new LineSink(openSync("/dev/null", "w"));
    const terminal = fakeTerminal({ isTerminal: true, stopRequested: () => stop.promise, errorOutput });
    const ended = runCommandLine(["serve", "--port", "0", "--data-dir", dir], terminal);
    await until("it listens", () => terminal.printed.length === 1);
    stop.resolve("SIGTERM");
    expect(await ended).toBe(0);
    const token = readFileSync(join(dir, "admin-token"), "utf8").trim();
    const lines = terminal.warned.filter((line) => line === `admin token (shown this once): ${token}`);
    expect(lines).toHaveLength(shown);
  }
});

test("tells no token that is kept nowhere to what is no terminal", async () => {
  const server = startCommand(["serve", "--port", "0", "--data-dir", ":memory:"]);
  await listening(server);
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(server.stderr()).toContain("\nadmin token: made, and kept nowhere");
  expect(server.stderr()).not.toContain("rcpat_");
});

test("takes the first admin's token from the environment or a file, and another one later replaces it", async () => {
  const words = ["serve", "--port", "0", "--data-dir", dataDir("chosen")];
  const file = join(folder, "token-file");
  writeFileSync(file, "token-from-a-file\n");
  const starts: [string[], Record<string, string>, string][] = [
    [words, { ROLLCALL_ADMIN_TOKEN: "first-token-of-mine" }, "first-token-of-mine"],
    [words, { ROLLCALL_ADMIN_TOKEN: "second-token-of-mine" }, "second-token-of-mine"],
    [[...words, "--admin-token-file", file], {}, "token-from-a-file"],
  ];
  const valid: string[] = [];
  for (const [line, environment, token] of starts) {
    const server = startCommand(line, environment);
    const url = await listening(server);
    expect(await statusFor(url, token)).toBe(200);
    for (const earlier of valid) expect(await statusFor(url, earlier)).toBe(401);
    valid.push(token);
    server.process.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(server.stderr()).not.toContain(token);
  }
});

test("a signal opens no debugger", async () => {
  const server = startCommand(["serve", "--port", "0", "--data-dir", dataDir("signalled")]);
  const url = await listening(server);
  server.process.kill("SIGUSR1");
  expect((await plainRequest(`${url}/readyz`)).status).toBe(200);
  server.process.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(server.stderr()).not.toContain("Debugger listening");
});

test("a second server on the same data is refused, and does no harm", async () => {
  const words = ["serve", "--port", "0", "--data-dir", dataDir("twice")];
  const first = startCommand(words, { ROLLCALL_ADMIN_TOKEN: "a-token-of-mine" });
  const url = await listening(first);
  const second = startCommand(words, { ROLLCALL_ADMIN_TOKEN: "another-token-of-mine" });
  expect(await second.exited).toBe(1);
  expect(second.stderr()).toContain("another program or rollcall server is using");
  expect(second.stdout()).toBe("");
  expect(await statusFor(url, "a-token-of-mine")).toBe(200);
  first.process.kill("SIGTERM");
  expect(await first.exited).toBe(0);
});

test("a lost server key is said instead of replaced, and the server starts again once it is back", async () => {
  const dir = dataDir("lost-key");
  const words = ["serve", "--port", "0", "--data-dir", dir];
  const stop = async (server: CommandProcess) => {
    await listening(server);
    server.process.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  };
  await stop(startCommand(words));
  const key = join(dir, "server.key");
  renameSync(key, join(folder, "backup"));
  expect(await runCommand(words)).toEqual({
    code: 1,
    stdout: "",
    stderr:
      `rollcall: ${key} is gone, and the database holds secrets that only it can read; ` +
      "restore it from your backup. If it is lost for good: rollcall server-key reset\n",
  });
  expect(existsSync(key)).toBe(false);
  renameSync(join(folder, "backup"), key);
  await stop(startCommand(words));
});

test("a port that is taken is said, with nothing left behind", async () => {
  const first = startCommand(["serve", "--port", "0", "--data-dir", dataDir("port-1")]);
  const { port } = new URL(await listening(first));
  const words = ["serve", "--port", port, "--data-dir", dataDir("port-2")];
  const second = startCommand(words);
  expect(await second.exited).toBe(1);
  expect(second.stderr()).toContain("EADDRINUSE");
  first.process.kill("SIGTERM");
  expect(await first.exited).toBe(0);
});

test("SIGTERM lets a running call finish", async () => {
  const server = startCommand(["serve", "--port", "0", "--data-dir", dataDir("drain")], {
    ROLLCALL_ADMIN_TOKEN: "a-token-of-mine",
  });
  const url = await listening(server);
  const calls = Array.from({ length: 50 }, (_, i) =>
    postJson(
      url,
      "gitpod.v1.RunnerService/CreateRunner",
      { name: `runner ${i}`, provider: "RUNNER_PROVIDER_GCP" },
      { authorization: "Bearer a-token-of-mine" },
    ),
  );
  await calls[0];
  server.process.kill("SIGTERM");
  const answers = await Promise.allSettled(calls);
  expect(await server.exited).toBe(0);
  for (const answer of answers) {
    // Either answered in full, or never taken: a connection that had not been accepted yet.
    if (answer.status === "fulfilled") expect(answer.value.status).toBe(200);
    else expect(String(answer.reason)).toMatch(/ECONNRE(FUSED|SET)|socket hang up/);
  }
});
